import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Fault, StudyRow } from "../../src/server/api.ts";
import { visible } from "../data/numbers.ts";
import { post } from "../data/server.ts";
import { token } from "../data/token.ts";
import { Trouble } from "./state.tsx";
import { faultOf } from "./stop.tsx";

interface Draft {
  readonly tags: string;
  readonly notes: string;
}

/** Tags and notes, to be read and written. What is being written is not disturbed by what changes meanwhile. */
export function Notes({ summary, study }: { readonly summary: StudyRow; readonly study: string }): JSX.Element {
  const [draft, setDraft] = useState<Draft | null>(null);
  const [saved, setSaved] = useState<Draft | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const stored: Draft = { tags: summary.tags.join(", "), notes: summary.notes };
  // Until the server tells of it, what was saved is shown.
  const kept = saved ?? stored;
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const tags = draft!.tags
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
    try {
      await post("notes", { study, notes: draft!.notes, tags: [...new Set(tags)] });
      setSaved({ tags: tags.join(", "), notes: draft!.notes });
      setDraft(null);
      setFault(null);
    } catch (error) {
      setFault(faultOf(error));
    }
  };
  if (draft === null)
    return (
      <section class="notes">
        <h2>
          Notes
          {token() !== null && (
            <button type="button" class="quiet" onClick={() => setDraft(kept)}>
              Edit
            </button>
          )}
        </h2>
        <p>
          {kept.tags === "" ? (
            <span class="muted">no tags</span>
          ) : (
            kept.tags.split(", ").map((tag, i) => (
              <bdi class="tag" key={i}>
                {visible(tag)}
              </bdi>
            ))
          )}
        </p>
        {kept.notes === "" ? <p class="muted">no notes</p> : <p class="notes-text">{visible(kept.notes)}</p>}
      </section>
    );
  return (
    <form class="notes" onSubmit={save}>
      <h2>Notes</h2>
      <label>
        Tags, with commas between them
        <input value={draft.tags} onInput={(event) => setDraft({ ...draft, tags: event.currentTarget.value })} />
      </label>
      <label>
        Notes
        <textarea
          rows={5}
          value={draft.notes}
          onInput={(event) => setDraft({ ...draft, notes: event.currentTarget.value })}
        />
      </label>
      <button>Save</button>{" "}
      <button type="button" class="quiet" onClick={() => (setDraft(null), setFault(null))}>
        Cancel
      </button>
      {fault !== null && <Trouble fault={fault} />}
    </form>
  );
}
