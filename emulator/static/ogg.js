// Opus sound from WebM, as browsers record it, into Ogg, as WhatsApp sends voice messages.

const MASTERS = new Set([0x18538067, 0x1f43b675, 0x1654ae6b, 0xae, 0xa0]);
const CODEC_PRIVATE = 0x63a2;
const SIMPLE_BLOCK = 0xa3;
const BLOCK = 0xa1;
// Frame lengths in samples at 48 kHz, by the upper five bits of a packet's first byte.
const SILK = [480, 960, 1920, 2880];
const CELT = [120, 240, 480, 960];
const PACKETS_IN_PAGE = 50;

// A number whose length is told by the leading zeros of its first byte.
function variable(bytes, at, keepMarker) {
  const length = Math.clz32(bytes[at]) - 23;
  let value = keepMarker ? bytes[at] : bytes[at] & (0xff >> length);
  let unknown = value === 0xff >> length;
  for (let next = 1; next < length; next += 1) {
    value = value * 256 + bytes[at + next];
    unknown &&= bytes[at + next] === 0xff;
  }
  return { value, length, unknown };
}

function packetsOf(bytes) {
  const packets = [];
  let head = null;
  let at = 0;
  while (at < bytes.length) {
    const id = variable(bytes, at, true);
    const size = variable(bytes, at + id.length, false);
    const start = at + id.length + size.length;
    if (MASTERS.has(id.value)) {
      at = start;
      continue;
    }
    if (size.unknown) throw new Error("The recording is cut in an unknown place.");
    const end = start + size.value;
    if (id.value === CODEC_PRIVATE) head = bytes.slice(start, end);
    if (id.value === SIMPLE_BLOCK || id.value === BLOCK) {
      // Track number, two bytes of time, one of flags; browsers put one packet in a block.
      packets.push(bytes.slice(start + variable(bytes, start, false).length + 3, end));
    }
    at = end;
  }
  if (!head || !packets.length) throw new Error("There is no sound in the recording.");
  return { head, packets };
}

function samplesIn(packet) {
  const [first] = packet;
  const configuration = first >> 3;
  let frame = CELT[configuration & 3];
  if (configuration < 12) frame = SILK[configuration & 3];
  else if (configuration < 16) frame = configuration & 1 ? 960 : 480;
  const count = { 0: 1, 1: 2, 2: 2, 3: packet[1] & 63 }[first & 3];
  return frame * count;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) rest = (rest << 1) ^ (rest & 0x80000000 ? 0x04c11db7 : 0);
  return rest >>> 0;
});

function page(packets, { serial, number, position, flags }) {
  const lacing = packets.flatMap((packet) => [
    ...Array.from({ length: Math.floor(packet.length / 255) }, () => 255), packet.length % 255,
  ]);
  const length = packets.reduce((sum, packet) => sum + packet.length, 0);
  const made = new Uint8Array(27 + lacing.length + length);
  const view = new DataView(made.buffer);
  made.set(new TextEncoder().encode("OggS"));
  made[5] = flags;
  view.setBigUint64(6, BigInt(position), true);
  view.setUint32(14, serial, true);
  view.setUint32(18, number, true);
  made[26] = lacing.length;
  made.set(lacing, 27);
  let at = 27 + lacing.length;
  for (const packet of packets) {
    made.set(packet, at);
    at += packet.length;
  }
  let sum = 0;
  for (const byte of made) sum = ((sum << 8) ^ CRC[((sum >>> 24) ^ byte) & 0xff]) >>> 0;
  view.setUint32(22, sum, true);
  return made;
}

function tags() {
  const maker = new TextEncoder().encode("browser");
  const made = new Uint8Array(8 + 4 + maker.length + 4);
  made.set(new TextEncoder().encode("OpusTags"));
  new DataView(made.buffer).setUint32(8, maker.length, true);
  made.set(maker, 12);
  return made;
}

export function oggOf(webm) {
  const { head, packets } = packetsOf(webm);
  const serial = crypto.getRandomValues(new Uint32Array(1))[0];
  const pages = [
    page([head], { serial, number: 0, position: 0, flags: 2 }),
    page([tags()], { serial, number: 1, position: 0, flags: 0 }),
  ];
  let position = 0;
  let held = [];
  let segments = 0;
  packets.forEach((packet, at) => {
    const needed = Math.floor(packet.length / 255) + 1;
    if (held.length && (segments + needed > 255 || held.length >= PACKETS_IN_PAGE)) {
      pages.push(page(held, { serial, number: pages.length, position, flags: 0 }));
      held = [];
      segments = 0;
    }
    held.push(packet);
    segments += needed;
    position += samplesIn(packet);
    if (at === packets.length - 1) pages.push(page(held, { serial, number: pages.length, position, flags: 4 }));
  });
  return new Blob(pages, { type: "audio/ogg; codecs=opus" });
}
