"use strict";
// What the page gives away: pictures, videos and links.

const VIDEO_TYPES = ["video/mp4;codecs=avc1.640033", "video/mp4", "video/webm;codecs=vp9", "video/webm"];
const videoType = () => (window.MediaRecorder && byId("canvas").captureStream ? VIDEO_TYPES.find((type) => MediaRecorder.isTypeSupported(type)) : undefined);
const canRecord = () => videoType() !== undefined;

function download(blob, ending) {
  const link = make("a", { href: URL.createObjectURL(blob), download: `${modelOf(pane()).name}-${pane().grid.steps}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function savePicture() {
  if (app.lost) return say(LOST);
  drawAll();   // the canvas keeps its picture only until the browser has shown it
  byId("canvas").toBlob((blob) => {
    if (!blob) return say("The picture could not be made; try a smaller window.");
    download(blob, "png");
    say("Picture saved.");
  }, "image/png");
}

function toggleRecording() {
  if (app.recorder) return app.recorder.stop();
  if (app.lost) return say(LOST);
  const type = videoType(), parts = [], started = performance.now();
  const recorder = new MediaRecorder(byId("canvas").captureStream(30), { mimeType: type, videoBitsPerSecond: 16e6 });
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = () => {
    app.recorder = null;
    const video = new Blob(parts, { type });
    refresh();
    if (!video.size) return say("Nothing was recorded; record for a little longer.");
    download(video, type.startsWith("video/mp4") ? "mp4" : "webm");
    say(`Video saved, ${Math.round((performance.now() - started) / 1000)} seconds.`);
  };
  recorder.onerror = () => { app.recorder = null; say("The video could not be recorded."); refresh(); };
  recorder.start(1000);
  app.recorder = recorder;
  say("Recording.");
  refresh();
}

async function copyLink() {
  const address = location.href.split("#")[0] + hashOf(settingsNow(), app.data);
  try {
    await navigator.clipboard.writeText(address);
    say("Link copied.");
  } catch {
    say("The browser doesn't let this page copy; the link is in the address bar.");
  }
}
