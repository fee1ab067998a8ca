import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { StudyList, StudyRow } from "../../src/server/api.ts";
import { useAnswer } from "../data/answer.ts";
import { live } from "../data/live.ts";
import { ago, change, counted, figures, moment, num, visible } from "../data/numbers.ts";
import { fileName } from "../data/settings.ts";
import { useValue } from "../data/value.ts";
import { Loading, Name, Nothing, State, Trouble } from "../parts/state.tsx";
import { compareAddress, studyAddress } from "../route.ts";

interface Column {
  readonly name: string;
  readonly title: string;
  readonly number?: boolean;
  readonly wide?: boolean;
  /** What rows are sorted by. */
  readonly by: (row: StudyRow) => string | number;
  readonly cell: (row: StudyRow) => JSX.Element | string;
}

const gain = ({ startLoss, best }: StudyRow): number =>
  best === null ? NaN : (num(best.loss) - num(startLoss)) / Math.abs(num(startLoss));

const COLUMNS: readonly Column[] = [
  {
    name: "name",
    title: "Study",
    by: ({ name }) => name.toLowerCase(),
    cell: ({ name, error, experiment }) => (
      <>
        <a href={studyAddress(name)}>
          <Name text={name} />
        </a>
        <span class="under" title={visible(experiment)}>
          {error === null ? visible(fileName(experiment)) : visible(error.message)}
        </span>
      </>
    ),
  },
  {
    name: "state",
    title: "State",
    by: ({ state }) => state,
    cell: (row) => <State state={row.state} stopping={row.stopping} />,
  },
  {
    name: "steps",
    title: "Outer steps",
    number: true,
    by: ({ steps }) => num(steps),
    cell: ({ steps, outerSteps }) => (
      <Progress done={num(steps) - 1} of={outerSteps === null ? null : num(outerSteps)} />
    ),
  },
  {
    name: "start",
    title: "Untuned loss",
    number: true,
    by: ({ startLoss }) => num(startLoss),
    cell: ({ startLoss }) => figures(startLoss),
  },
  {
    name: "best",
    title: "Best loss",
    number: true,
    by: ({ best }) => num(best?.loss),
    cell: ({ best }) => <b>{figures(best?.loss)}</b>,
  },
  {
    name: "gain",
    title: "Change",
    number: true,
    by: gain,
    cell: (row) =>
      row.best === null ? "–" : <Gain share={gain(row)} text={change(num(row.startLoss), num(row.best.loss))} />,
  },
  {
    name: "tags",
    title: "Tags",
    wide: true,
    by: ({ tags }) => tags.join(" ").toLowerCase(),
    cell: ({ tags }) => (
      <>
        {tags.map((tag) => (
          <bdi class="tag" key={tag}>
            {visible(tag)}
          </bdi>
        ))}
      </>
    ),
  },
  {
    name: "updated",
    title: "Updated",
    number: true,
    by: ({ updated }) => Date.parse(updated),
    cell: ({ updated }) => <time title={moment(updated)}>{ago(updated, Date.now())}</time>,
  },
];

/** Updates made of those to make; the untuned evaluation is none. */
function Progress({ done, of }: { readonly done: number; readonly of: number | null }): JSX.Element {
  const made = Math.max(0, done);
  return (
    <span class="progress">
      {of === null ? made : `${made} / ${of}`}
      {of !== null && of > 0 && <progress value={made} max={of} aria-hidden="true" />}
    </span>
  );
}

function Gain({ share, text }: { readonly share: number; readonly text: string }): JSX.Element {
  return (
    <span class="gain">
      <span class="gain-track" aria-hidden="true">
        <span class="gain-bar" style={{ width: `${100 * Math.min(1, Math.max(0, -share || 0))}%` }} />
      </span>
      {text}
    </span>
  );
}

const MOST_ROWS = 300;

/** All studies of the store. */
export function Runs(): JSX.Element {
  const changes = useValue(live, (found) => found.changes);
  const { data, fault } = useAnswer<StudyList>("/api/studies", changes);
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState<{ readonly column: string; readonly down: boolean }>({
    column: "updated",
    down: true,
  });
  const [ticked, setTicked] = useState<readonly string[]>([]);
  const [all, setAll] = useState(false);
  const rows = useMemo(() => sorted(data?.studies.filter(matches(filter)) ?? [], sort), [data, filter, sort]);
  if (data === null) return fault === null ? <Loading what="the studies" /> : <Trouble fault={fault} />;
  if (data.studies.length === 0) return <EmptyStore store={data.store} />;
  const running = data.studies.filter(({ state }) => state === "running").length;
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        <p class="muted">
          {counted(data.studies.length, "study").replace("studys", "studies")}
          {running > 0 && `, ${running} running`} in <code class="place">{visible(data.store)}</code>
        </p>
      </div>
      {fault !== null && <Trouble fault={fault} soft />}
      <div class="tools">
        <input
          type="search"
          placeholder="Filter by name, tag, state, experiment"
          aria-label="Filter the studies"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <CompareButton studies={ticked} />
        {ticked.length > 0 && (
          <button type="button" class="quiet" onClick={() => setTicked([])}>
            Untick
          </button>
        )}
      </div>
      {rows.length === 0 ? (
        <Nothing title="No study matches the filter.">
          <button type="button" onClick={() => setFilter("")}>
            Show all
          </button>
        </Nothing>
      ) : (
        <div class="scroll" role="region" aria-label="Studies" tabIndex={0}>
          <table class="runs">
            <Head sort={sort} setSort={setSort} />
            <tbody>
              {rows.slice(0, all ? rows.length : MOST_ROWS).map((row) => (
                <tr key={row.name} class={ticked.includes(row.name) ? "ticked" : undefined}>
                  <td class="tick">
                    <input
                      type="checkbox"
                      aria-label={`Compare ${row.name}`}
                      checked={ticked.includes(row.name)}
                      onChange={() =>
                        setTicked(
                          ticked.includes(row.name)
                            ? ticked.filter((name) => name !== row.name)
                            : [...ticked, row.name],
                        )
                      }
                    />
                  </td>
                  {COLUMNS.map((column) => (
                    <td key={column.name} class={`${column.number === true ? "number " : ""}column-${column.name}`}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {!all && rows.length > MOST_ROWS && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {rows.length}
        </button>
      )}
    </>
  );
}

interface Sort {
  readonly column: string;
  readonly down: boolean;
}

function Head({ sort, setSort }: { readonly sort: Sort; readonly setSort: (sort: Sort) => void }): JSX.Element {
  return (
    <thead>
      <tr>
        <th class="tick">
          <span class="unseen">Compare</span>
        </th>
        {COLUMNS.map(({ name, title, number }) => {
          const here = sort.column === name;
          return (
            <th
              key={name}
              scope="col"
              class={`${number === true ? "number " : ""}column-${name}`}
              aria-sort={here ? (sort.down ? "descending" : "ascending") : undefined}
            >
              <button type="button" class="sort" onClick={() => setSort({ column: name, down: here && !sort.down })}>
                {title}
                <span aria-hidden="true">{here ? (sort.down ? " ↓" : " ↑") : ""}</span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function CompareButton({ studies }: { readonly studies: readonly string[] }): JSX.Element {
  return studies.length < 2 ? (
    <span class="muted">Tick two or more to compare them.</span>
  ) : (
    <a class="button" href={compareAddress(studies)}>
      Compare {studies.length}
    </a>
  );
}

const matches = (filter: string): ((row: StudyRow) => boolean) => {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return ({ name, tags, state, experiment, notes }) => {
    const text = [name, ...tags, state, experiment, notes].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  };
};

const missing = (key: string | number): boolean => typeof key === "number" && Number.isNaN(key);

/** Rows without a value come last, whichever way. */
function sorted(rows: readonly StudyRow[], { column, down }: Sort): readonly StudyRow[] {
  const { by } = COLUMNS.find(({ name }) => name === column)!;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
}

function EmptyStore({ store }: { readonly store: string }): JSX.Element {
  return (
    <Nothing title="There are no studies here yet.">
      <>
        <p>
          The store is <code class="place">{visible(store)}</code>. Begin a study with a name, and it is kept here:
        </p>
        <pre>npx drmad tune examples/digits-l2.ts --study first-try</pre>
        <p>It will come up on this page by itself, with the first outer step.</p>
      </>
    </Nothing>
  );
}
