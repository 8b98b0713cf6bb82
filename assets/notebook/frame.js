// The view of a live widget whose grid runs in the browser: the page in a frame, and what it says carried to Python.
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe"), said = document.createElement("div");
    frame.setAttribute("sandbox", model.get("sandbox"));
    frame.title = model.get("title");
    frame.style.cssText = `width:100%;height:${model.get("height")}px;border:0;display:block`;
    frame.srcdoc = model.get("page");
    const hear = ({ source, data }) => {
      if (source === frame.contentWindow && data?.ncaengine) model.send(data.ncaengine, undefined, data.cells ? [data.cells] : []);
    };
    const answer = (message, buffers) => {
      if (message.kind === "said") said.textContent = message.text;
      // A copy of its own: a buffer may be a view into a longer message.
      else frame.contentWindow?.postMessage({ ...message, buffer: buffers?.[0] && new Uint8Array(bytesOf(buffers[0])) }, "*");
    };
    addEventListener("message", hear);
    model.on("msg:custom", answer);
    el.append(frame, said);
    return () => {
      removeEventListener("message", hear);
      model.off("msg:custom", answer);
    };
  },
};

const bytesOf = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
