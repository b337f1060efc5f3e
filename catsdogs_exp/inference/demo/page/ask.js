// Requests to the server: with the token if there is one, patient when the server is busy.

const KEY = "catsdogs-demo-token";
const PAUSE = 300; // milliseconds before asking a busy server again
const TRIES = 20;

// The token comes in the fragment, which is never sent, and leaves the address bar and the history at once.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(token) {
  sessionStorage.setItem(KEY, token);
}

export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  for (let attempt = 1; ; attempt++) {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Refused(0, "The demo does not answer. Is it still running?");
    }
    if (answer.ok) return answer;
    if (answer.status === 503 && attempt < TRIES) {
      await new Promise((done) => setTimeout(done, PAUSE));
      continue;
    }
    const said = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, said.error ?? `The demo answers with error ${answer.status}.`);
  }
}

export const askJson = async (path, options) => (await ask(path, options)).json();

// Shows a picture of the server in an <img>, and frees the one before; unless another one is wanted by then.
export async function showPicture(image, path, isWanted = () => true) {
  const picture = await (await ask(path)).blob();
  if (!isWanted()) return;
  const url = URL.createObjectURL(picture);
  const before = image.src;
  image.src = url;
  await image.decode().catch(() => {});
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

// Calls a function again and again while there is something new to ask, one call at a time, at most every `pause` ms.
export function latest(work, pause = 0) {
  let running = false;
  let waiting = false;
  return async function run() {
    if (running) {
      waiting = true;
      return;
    }
    running = true;
    do {
      waiting = false;
      await work();
      if (pause) await new Promise((done) => setTimeout(done, pause));
    } while (waiting);
    running = false;
  };
}
