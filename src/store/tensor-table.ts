import type { Kysely } from "kysely";
import { DrmadError } from "../errors.ts";
import type { Tables } from "./tables.ts";
import type { TensorBytes } from "./tensor-bytes.ts";

/** Bytes in a row: a server takes at most 1 GB in one value, and reads it as text of twice the length. */
const PIECE = 2 ** 24;

const studyOf = (file: string): string => file.slice(0, file.indexOf("/"));

/**
 * Tensors as bytes in a table of the database, for stores that several machines share: whoever reaches the database has
 * all of a study, one copy of the database holds all of it, and nothing has to be mounted alike everywhere.
 */
export function tableBytes(db: Kysely<Tables>, place: string): TensorBytes {
  const where = (file: string): string => `${JSON.stringify(file)} in ${place}`;
  return {
    begin: async () => undefined,
    async write(file, bytes) {
      const pieces = Math.max(1, Math.ceil(bytes.length / PIECE));
      const insert = async (within: Kysely<Tables>): Promise<void> => {
        for (let piece = 0; piece < pieces; piece++) {
          const part = bytes.subarray(piece * PIECE, (piece + 1) * PIECE);
          const row = {
            study: studyOf(file),
            file,
            piece,
            bytes: Buffer.from(part.buffer, part.byteOffset, part.length),
          };
          // One of the same name is of a try whose connection broke: nothing refers to it.
          await within
            .insertInto("tensor_bytes")
            .values(row)
            .onConflict((conflict) => conflict.columns(["file", "piece"]).doUpdateSet({ bytes: row.bytes }))
            .execute();
        }
      };
      await (db.isTransaction ? insert(db) : db.transaction().execute(insert));
    },
    async read(file) {
      const pieces: Uint8Array[] = [];
      for (let piece = 0; ; piece++) {
        const row = await db
          .selectFrom("tensor_bytes")
          .select("bytes")
          .where("file", "=", file)
          .where("piece", "=", piece)
          .executeTakeFirst();
        if (row === undefined) break;
        pieces.push(row.bytes);
      }
      if (pieces.length > 0) return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
      throw new DrmadError("file-not-found", `the kept tensors ${where(file)} are not there`, {
        hint: "Bring the database back from a copy; its table tensor_bytes lacks rows.",
      });
    },
    async remove(files) {
      if (files.length > 0) await db.deleteFrom("tensor_bytes").where("file", "in", files).execute();
    },
    async list(study) {
      const rows = await db
        .selectFrom("tensor_bytes")
        .select(["file", ({ fn }) => fn.sum<number>(fn<number>("length", ["bytes"])).as("bytes")])
        .where("study", "=", study)
        .groupBy("file")
        .execute();
      return rows.map(({ file, bytes }) => ({ file, bytes: Number(bytes) }));
    },
    async studies() {
      const rows = await db.selectFrom("tensor_bytes").select("study").distinct().execute();
      return rows.map(({ study }) => study);
    },
    async removeStudy(study) {
      await db.deleteFrom("tensor_bytes").where("study", "=", study).execute();
    },
    free: () => undefined,
    where,
  };
}
