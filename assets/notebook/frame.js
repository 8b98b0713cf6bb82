// The view of a live widget whose grid runs in the browser: the page in a frame, and what it says carried to Python.
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe"), said = document.createElement("div");
    let name = String(crypto.getRandomValues(new Uint32Array(1))[0]), heard = true, asked = false;
    frame.setAttribute("sandbox", model.get("sandbox"));
    frame.title = model.get("title");
    frame.style.cssText = `width:100%;height:${model.get("height")}px;border:0;display:block`;
    frame.srcdoc = model.get("page");
    const hello = () => {
      if (!asked) model.send({ kind: "hello", view: name });
      asked = true;
    };
    const hear = ({ source, data }) => {
      if (source !== frame.contentWindow || !data?.ncaengine) return;
      if (heard) model.send({ ...data.ncaengine, view: name }, undefined, data.cells ? [data.cells] : []);
      else if (data.ncaengine.kind !== "cells") hello();
    };
    // Python hears one view, which said hello last; it may get a page that goes on from what Python knows.
    const follow = ({ view, renamed, page }) => {
      heard = view === name;
      said.textContent = heard ? "" : "The grid is shown in another place; change something here to go on here.";
      if (!heard) return;
      asked = false;
      name = renamed;
      if (page) frame.srcdoc = page;
    };
    const answer = (message, buffers) => {
      if (message.kind === "said") said.textContent = message.text;
      else if (message.kind === "view") follow(message);
      // A copy of its own: a buffer may be a view into a longer message.
      else frame.contentWindow?.postMessage({ ...message, buffer: buffers?.[0] && new Uint8Array(bytesOf(buffers[0])) }, "*");
    };
    addEventListener("message", hear);
    model.on("msg:custom", answer);
    el.append(frame, said);
    hello();
    return () => {
      removeEventListener("message", hear);
      model.off("msg:custom", answer);
    };
  },
};

const bytesOf = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
