import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

const KEYS: readonly (readonly [string, string])[] = [
  ["?", "these keys"],
  ["r", "all runs"],
  ["/", "to the filter"],
  ["1 … 5", "the pages of a study"],
  ["← →", "one outer step back or on, in Hyperparameters; in the row of small pictures one picture, in a map one cell"],
  ["Home End", "the first outer step, the latest one"],
  ["Tab", "from one thing to the next"],
  ["Esc", "closes this"],
];

export function Keys({ close }: { readonly close: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog ref={dialog} class="keys" onClose={close} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="note">Drag along a chart to look closer; a double click shows all of it again.</p>
      <p class="close">
        <button type="button" onClick={() => dialog.current!.close()}>
          Close
        </button>
      </p>
    </dialog>
  );
}
