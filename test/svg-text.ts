import { textWidth } from "../src/picture/text.ts";

/** A line of text as it stands in an SVG picture: its words and the box that it takes, in pixels. */
export interface TextBox {
  readonly words: string;
  readonly size: number;
  readonly halo: boolean;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** All texts of a picture, with their boxes as DejaVu Sans draws them. */
export function textBoxes(svg: string): TextBox[] {
  return [...svg.matchAll(/<text ([^>]*)>([^<]*)<\/text>/g)].map(([, attributes, content]) => {
    const words = unescapeText(content!);
    const size = Number(attribute(attributes!, "font-size"));
    const width = textWidth(words, size, attribute(attributes!, "font-weight") === "bold");
    const share = { middle: 0.5, end: 1 }[attribute(attributes!, "text-anchor") ?? ""] ?? 0;
    const left = Number(attribute(attributes!, "x")) - share * width;
    const baseline = Number(attribute(attributes!, "y"));
    const halo = attribute(attributes!, "paint-order") !== undefined;
    return {
      words,
      size,
      halo,
      left,
      right: left + width,
      top: baseline - 0.76 * size,
      bottom: baseline + 0.24 * size,
    };
  });
}

export function pictureSize(svg: string): { readonly width: number; readonly height: number } {
  const [, attributes] = /^<svg ([^>]*)>/.exec(svg)!;
  return { width: Number(attribute(attributes!, "width")), height: Number(attribute(attributes!, "height")) };
}

/** The value of an attribute in the text between a tag's name and its end. */
export function attribute(attributes: string, name: string): string | undefined {
  return new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1];
}

function unescapeText(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}
