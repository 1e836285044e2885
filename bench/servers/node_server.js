// Sleeps at / with a timer, after keeping the loop busy for SLICE_SECONDS; or is busy all the time
// where BUSY is set. Other paths are answered at once.
"use strict";

const mean = Number(process.env.SERVICE_SECONDS);
const slice = Number(process.env.SLICE_SECONDS ?? 0);
const cv = process.env.CV ?? "0";

function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function draw() {
  if (cv === "exponential") return -mean * Math.log(1 - Math.random());
  const variance = Math.log1p(Number(cv) ** 2);
  return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal());
}

function keepBusy(seconds) {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end);
}

require("http")
  .createServer((request, response) => {
    if (request.url !== "/") {
      response.statusCode = 404;
      response.end("ok");
    } else if (process.env.BUSY) {
      keepBusy(draw());
      response.end("ok");
    } else {
      keepBusy(slice);
      setTimeout(() => response.end("ok"), draw() * 1000);
    }
  })
  .listen(Number(process.argv[2]), "127.0.0.1", 1024);
