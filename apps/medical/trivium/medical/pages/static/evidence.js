// Evidence maps: where a draft's scores come from, as coloured squares that the viewer lays over the whole film.
import { at } from "./texts.js";

const FAINT = [255, 210, 0];
const STRONG = [255, 70, 0];

// Fetch a draft's maps; give a canvas for each finding by its name, and under "" one of all of them together.
export async function loadMaps({ url, findings }) {
  const answer = await fetch(at(url));
  if (!answer.ok) throw new Error(`evidence: ${answer.status}`);
  const picture = await createImageBitmap(await answer.blob());
  const [side, height] = [picture.width, picture.height];
  const sheet = new OffscreenCanvas(side, height).getContext("2d");
  sheet.drawImage(picture, 0, 0);
  const { data } = sheet.getImageData(0, 0, side, height); // a column of squares, one a finding
  const every = new Uint8Array(side * side);
  const made = new Map();
  findings.forEach((name, place) => {
    const values = every.map((_, at) => data[4 * (place * every.length + at)]);
    values.forEach((value, at) => (every[at] = Math.max(every[at], value)));
    made.set(name, coloured(values, side));
  });
  return made.set("", coloured(every, side));
}

function coloured(values, side) {
  const canvas = new OffscreenCanvas(side, side);
  const image = new ImageData(side, side);
  values.forEach((value, at) => {
    const share = value / 255;
    const colour = FAINT.map((low, part) => low + (STRONG[part] - low) * share);
    image.data.set([...colour, Math.round(255 * share)], 4 * at);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
