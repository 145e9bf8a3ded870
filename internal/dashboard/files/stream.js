// The stream of events is read by hand: EventSource hides the signs of life, without
// which a connection that is dead looks like a cluster that is quiet.

const silence = 20000; // the server speaks every 15 s
const longest = 8000;

/** Follows url for ever. heard(name, value) is called for each event, state(live) when that changes or a sign of life came. */
export async function follow(url, heard, state) {
  for (let pause = 500; ; pause = Math.min(pause * 2, longest)) {
    try {
      await once(url, heard, () => {
        pause = 500;
        state(true);
      });
    } catch {
      // told below: why a connection ended helps nobody who reads the page
    }
    state(false);
    await new Promise((done) => setTimeout(done, pause));
  }
}

async function once(url, heard, alive) {
  const abort = new AbortController();
  let dog = setTimeout(() => abort.abort(), silence);
  const fed = () => {
    clearTimeout(dog);
    dog = setTimeout(() => abort.abort(), silence);
  };
  try {
    const answer = await fetch(url, { signal: abort.signal, cache: "no-store", headers: { Accept: "text/event-stream" } });
    if (!answer.ok) throw new Error(answer.statusText);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      fed();
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const p of parts) event(p, heard);
      alive();
    }
  } finally {
    clearTimeout(dog);
    abort.abort();
  }
}

function event(text, heard) {
  let name = "";
  let data = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (name && data) heard(name, JSON.parse(data));
}
