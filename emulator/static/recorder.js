// Recording a voice message with the browser's microphone.

import { oggOf } from "./ogg.js";

const KINDS = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus"];
const BITS_PER_S = 24_000;

export class Recorder {
  // Begin to record; throws when the browser may not, or cannot, hear.
  static async begin() {
    const kind = KINDS.find((name) => window.MediaRecorder?.isTypeSupported(name));
    if (!kind || !navigator.mediaDevices) throw new Error("This browser cannot record.");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    return new Recorder(stream, kind);
  }

  constructor(stream, kind) {
    this.stream = stream;
    this.parts = [];
    this.startedAt = performance.now();
    this.recorder = new MediaRecorder(stream, { mimeType: kind, audioBitsPerSecond: BITS_PER_S });
    this.recorder.addEventListener("dataavailable", ({ data }) => this.parts.push(data));
    this.recorder.start();
  }

  get seconds() {
    return (performance.now() - this.startedAt) / 1000;
  }

  // Stop; the sound as WhatsApp would send it.
  async end() {
    if (this.recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => { this.recorder.addEventListener("stop", resolve); });
      this.recorder.stop();
      await stopped;
    }
    for (const track of this.stream.getTracks()) track.stop();
    const sound = new Blob(this.parts);
    if (this.recorder.mimeType.startsWith("audio/ogg")) {
      return new Blob([sound], { type: "audio/ogg; codecs=opus" });
    }
    return oggOf(new Uint8Array(await sound.arrayBuffer()));
  }
}
