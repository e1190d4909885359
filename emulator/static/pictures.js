// Pictures as WhatsApp sends them: made smaller and without what the camera wrote into them.

const LONGEST_SIDE = 1600;
const STICKER_SIDE = 512;

async function drawn(file, { width, height, draw, type, quality }) {
  const picture = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width(picture), height(picture)];
  draw(canvas.getContext("2d"), picture, canvas);
  picture.close();
  const made = await new Promise((resolve) => { canvas.toBlob(resolve, type, quality); });
  if (made?.type !== type) throw new Error("This browser cannot write that kind of picture.");
  return made;
}

export function compressed(file) {
  const scale = (picture) => Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  return drawn(file, {
    width: (picture) => Math.round(picture.width * scale(picture)),
    height: (picture) => Math.round(picture.height * scale(picture)),
    draw: (pen, picture, { width, height }) => {
      // A photo has no transparency: what shines through is white.
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, width, height);
      pen.drawImage(picture, 0, 0, width, height);
    },
    type: "image/jpeg",
    quality: 0.75,
  });
}

export function sticker(file) {
  return drawn(file, {
    width: () => STICKER_SIDE,
    height: () => STICKER_SIDE,
    draw: (pen, picture) => {
      const scale = STICKER_SIDE / Math.max(picture.width, picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      pen.drawImage(picture, (STICKER_SIDE - width) / 2, (STICKER_SIDE - height) / 2, width, height);
    },
    type: "image/webp",
    quality: 0.7,
  });
}
