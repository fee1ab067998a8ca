import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Fault, StudyView } from "../../src/server/api.ts";
import { post, Refusal } from "../data/server.ts";
import { token } from "../data/token.ts";
import { Trouble } from "./state.tsx";

export const faultOf = (error: unknown): Fault =>
  error instanceof Refusal ? error.fault : { code: "page-fault", message: String(error) };

export const LOOK_ONLY = "To change things, open the address with the token that `drmad dashboard` printed.";

/** Asks a running study to stop, once more before it does. */
export function Stop({ view, study }: { readonly view: StudyView; readonly study: string }): JSX.Element | null {
  const [sure, setSure] = useState(false);
  const [asked, setAsked] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const { state, stopping } = view.summary;
  if (state !== "running" && state !== "stale") return null;
  const stop = async (): Promise<void> => {
    setAsked(true);
    setFault(null);
    try {
      await post("stop", { study });
    } catch (error) {
      setFault(faultOf(error));
      setAsked(false);
    }
    setSure(false);
  };
  if (token() === null) return <p class="note">{LOOK_ONLY.replaceAll("`", "")}</p>;
  return (
    <section class="stop">
      {stopping || asked ? (
        <p class="muted">Asked to stop; it does so after the outer step that runs.</p>
      ) : sure ? (
        <>
          <p>All that is kept stays, and drmad resume goes on from there.</p>
          <button type="button" class="danger" onClick={stop}>
            Stop the study
          </button>{" "}
          <button type="button" onClick={() => setSure(false)}>
            Let it run
          </button>
        </>
      ) : (
        <button type="button" onClick={() => setSure(true)}>
          <span aria-hidden="true">■</span> Stop …
        </button>
      )}
      {fault !== null && <Trouble fault={fault} />}
    </section>
  );
}
