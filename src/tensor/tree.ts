/** Nested arrays and records with leaves of one kind; a leaf's path joins its keys with dots: "0.W". */
export type Tree<L> = L | readonly Tree<L>[] | { readonly [key: string]: Tree<L> };

/** The same nesting with other leaves. */
export type MapTree<T, L, M> = T extends L ? M : { readonly [K in keyof T]: MapTree<T[K], L, M> };

/**
 * What a type must be to be a tree of such leaves: itself where it is one. As a bound, `T extends TreeOf<T, L>`, it takes
 * interfaces too, which do not fit `Tree` because they have no index signature.
 */
export type TreeOf<T, L> = T extends L ? T : T extends object ? { readonly [K in keyof T]: TreeOf<T[K], L> } : L;

export interface Leaf<L> {
  readonly path: string;
  readonly value: L;
}

type IsLeaf<L> = (value: unknown) => value is L;

/** Leaves in key order of the literal, arrays by index. */
export function leavesOf<L>(tree: unknown, isLeaf: IsLeaf<L>, path = ""): readonly Leaf<L>[] {
  if (isLeaf(tree)) return [{ path, value: tree }];
  if (typeof tree !== "object" || tree === null) return [];
  return Object.entries(tree).flatMap(([key, child]) => leavesOf(child, isLeaf, path === "" ? key : `${path}.${key}`));
}

export function mapTree<L, M>(tree: unknown, isLeaf: IsLeaf<L>, f: (value: L, path: string) => M, path = ""): Tree<M> {
  if (isLeaf(tree)) return f(tree, path);
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.map((child: unknown, i) => mapTree(child, isLeaf, f, at(String(i))));
  if (typeof tree === "object" && tree !== null) {
    return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, mapTree(child, isLeaf, f, at(key))]));
  }
  throw new TypeError(`a tree holds ${String(tree)} at "${path}", which is no leaf`);
}
