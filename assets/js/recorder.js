// What Chromium records (Opus in WebM), packed as Ogg without touching the sound: WhatsApp wants it so.
import { BlobSource, BufferTarget, Conversion, Input, OggOutputFormat, Output, WEBM } from "mediabunny";

/** The same recording as a file that WhatsApp plays as a voice message. */
export async function toOgg(blob) {
  const output = new Output({ format: new OggOutputFormat(), target: new BufferTarget() });
  const conversion = await Conversion.init({ input: new Input({ source: new BlobSource(blob), formats: [WEBM] }), output });
  await conversion.execute();
  return new Blob([output.target.buffer], { type: "audio/ogg" });
}
