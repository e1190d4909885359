// Talking to the emulator.

// The emulator's own sentence is for developers; what failed decides what the page says.
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function answered(answer) {
  if (!answer.ok) throw new Refused(answer.status, await answer.text());
  return answer.status === 204 ? null : answer.json();
}

export async function call(method, path, body) {
  return answered(await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  }));
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

// Keep a file with the provider; the answer has its `id`.
export async function upload(blob, name) {
  return answered(await fetch("/_phone/media", {
    method: "POST",
    headers: {
      "Content-Type": blob.type || "application/octet-stream",
      "X-Filename": encodeURIComponent(name),
    },
    body: blob,
  }));
}

export const mediaAddress = (id) => `/_phone/media/${encodeURIComponent(id)}`;
