// Files for a reply: chosen, dropped or pasted, and voice messages that are recorded here.
import htmx from "htmx.org/dist/htmx.esm.js";

const MB = 1024 * 1024;
// WhatsApp takes no larger pictures; no phone shows more.
const LONGEST_SIDE = 2560;
const TAKEN_PICTURES = new Set(["image/jpeg", "image/png"]);

const composer = () => document.getElementById("composer");
const chosen = () => composer()?.querySelector("[data-files]");
const spoken = () => composer()?.querySelector("[data-voice]");
const template = () => document.getElementById("attached-file");

const family = (file) => (["image", "video", "audio"].includes(file.type.split("/")[0]) ? file.type.split("/")[0] : "document");
const limit = (file) => Number(template().dataset.limits.match(`${family(file)}:(\\d+)`)[1]);
const size = (bytes) =>
  bytes < MB ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / MB).toFixed(1)} MB`;

function put(input, list) {
  const transfer = new DataTransfer();
  for (const file of list) transfer.items.add(file);
  input.files = transfer.files;
}

/** A picture that WhatsApp would refuse, as one that it takes; anything else as it is. */
async function fitting(file) {
  if (family(file) !== "image") return file;
  if (TAKEN_PICTURES.has(file.type) && file.size <= 5 * MB) return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
    const pen = canvas.getContext("2d");
    // A picture without a background would become black.
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.88 });
    return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
  } catch {
    // The browser cannot read it: the server says what WhatsApp takes.
    return file;
  }
}

/** The small picture in the list: drawn, since no address outside is allowed in a page. */
async function thumbnail(file, place) {
  if (family(file) !== "image") return;
  try {
    const picture = await createImageBitmap(file, { resizeHeight: 96 });
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 80;
    const side = Math.min(picture.width, picture.height);
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, 80, 80);
    place.replaceChildren(canvas);
  } catch {
    // Not a picture after all: its sign stays.
  }
}

function draw() {
  const list = composer()?.querySelector("[data-attached]");
  if (!list) return;
  const items = [chosen(), spoken()].flatMap((input) => [...input.files].map((file) => ({ input, file })));
  list.replaceChildren(
    ...items.map(({ input, file }) => {
      const item = template().content.firstElementChild.cloneNode(true);
      item.querySelector("[data-name]").textContent = file.name;
      item.querySelector("[data-size]").textContent = size(file.size);
      if (file.size > limit(file) * MB) {
        const problem = item.querySelector("[data-problem]");
        problem.hidden = false;
        problem.textContent = template().dataset.tooLarge.replace("{limit}", limit(file));
      }
      if (input === spoken()) {
        const sound = document.createElement("audio");
        sound.controls = true;
        sound.src = URL.createObjectURL(file);
        item.querySelector("[data-name]").closest("b").replaceWith(sound);
      }
      thumbnail(file, item.querySelector("[data-thumb]"));
      item.querySelector("[data-remove]").addEventListener("click", () => {
        put(input, [...input.files].filter((other) => other !== file));
        draw();
        document.getElementById("reply-text").focus();
      });
      return item;
    }),
  );
  list.hidden = !items.length;
}

// The browser forgets what was chosen before when one chooses again.
let before = [];
async function attach(files) {
  if (!chosen() || !files.length) return;
  const fit = await Promise.all(files.map(fitting));
  before = [...before, ...fit];
  put(chosen(), before);
  // Files and another kind of message do not go together.
  composer().querySelector("[data-no-extra]")?.click();
  draw();
  document.getElementById("reply-text").focus();
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-files]")) return;
  attach([...event.target.files]);
});
document.addEventListener("click", (event) => {
  if (event.target.matches?.("[data-files]")) before = [...event.target.files];
});

document.addEventListener("paste", (event) => {
  if (!event.target.closest?.("#composer") || !event.clipboardData.files.length) return;
  event.preventDefault();
  before = [...(chosen()?.files ?? [])];
  attach([...event.clipboardData.files]);
});

const carriesFiles = (event) => chosen() && event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  const over = Boolean(event.target.closest?.("#thread"));
  event.dataTransfer.dropEffect = over ? "copy" : "none";
  document.getElementById("thread").classList.toggle("is-over", over);
});
for (const name of ["dragleave", "drop", "dragend"]) {
  document.addEventListener(name, (event) => {
    if (name !== "dragleave" || !event.relatedTarget) document.getElementById("thread")?.classList.remove("is-over");
  });
}
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  if (!event.target.closest?.("#thread")) return;
  before = [...chosen().files];
  attach([...event.dataTransfer.files]);
});

function clear() {
  if (!chosen()) return;
  before = [];
  put(chosen(), []);
  put(spoken(), []);
  draw();
}
document.addEventListener("sent", clear);
// Another kind of message takes the place of files.
document.addEventListener("htmx:afterSwap", (event) => event.detail.target?.id === "extra" && clear());

// Recording: what the browser records is put into the form in which WhatsApp plays it as a voice message.
let recorder, pieces, began, clockwork, isKept;

htmx.onLoad((element) => {
  const button = element.querySelector?.("[data-record]");
  if (button) button.hidden = !navigator.mediaDevices?.getUserMedia || !window.MediaRecorder;
});

async function record(button) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
  } catch {
    const item = template().content.firstElementChild.cloneNode(true);
    const list = composer().querySelector("[data-attached]");
    item.querySelector("[data-name]").closest("b").remove();
    item.querySelector("[data-problem]").hidden = false;
    item.querySelector("[data-problem]").textContent = template().dataset.noMicrophone;
    item.querySelector("[data-remove]").addEventListener("click", draw);
    list.append(item);
    list.hidden = false;
    return;
  }
  const wanted = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
  const mimeType = wanted.find((type) => MediaRecorder.isTypeSupported(type));
  recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 24_000 });
  [pieces, began, isKept] = [[], Date.now(), false];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", async () => {
    for (const track of stream.getTracks()) track.stop();
    clearInterval(clockwork);
    bar(false);
    if (isKept) await keep(new Blob(pieces, { type: mimeType }), button.dataset.recorder);
  });
  recorder.start(1_000);
  bar(true);
  clockwork = setInterval(() => bar(true), 500);
}

function bar(isOn) {
  const box = composer()?.querySelector("[data-recording]");
  if (!box) return;
  const seconds = Math.floor((Date.now() - began) / 1000);
  box.hidden = !isOn;
  box.querySelector("[data-recorded]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  composer().querySelector("[data-record]").hidden = isOn;
  if (isOn && seconds === 0) box.querySelector("[data-record-stop]").focus();
}

async function keep(blob, address) {
  if (blob.type.startsWith("audio/mp4")) {
    // This browser cannot make a voice message: it goes as a sound.
    before = [...chosen().files];
    await attach([new File([blob], "voice.m4a", { type: "audio/mp4" })]);
    return;
  }
  const ogg = blob.type.startsWith("audio/ogg") ? blob : await (await import(address)).toOgg(blob);
  put(spoken(), [new File([ogg], "voice.ogg", { type: "audio/ogg" })]);
  composer().querySelector("[data-no-extra]")?.click();
  draw();
  composer().querySelector("[type=submit]").focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-record]");
  if (button) record(button);
  if (event.target.closest("[data-record-stop]")) {
    isKept = true;
    recorder?.stop();
  }
  if (event.target.closest("[data-record-drop]")) recorder?.stop();
});
addEventListener("pagehide", () => recorder?.state === "recording" && recorder.stop());
