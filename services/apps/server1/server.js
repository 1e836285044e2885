// The study's first unknown server: asynchronous, every request to / takes the same time.
"use strict";

const http = require("http");

function fail(message) {
  console.error(message);
  process.exit(1);
}

const text = process.env.SERVICE_SECONDS ?? "0.95";
const milliseconds = Number(text) * 1000;
if (text.trim() === "" || !Number.isFinite(milliseconds) || milliseconds < 0) {
  fail(`SERVICE_SECONDS=${JSON.stringify(text)} is not a number of seconds, 0 or more`);
}
const host = process.env.HOST ?? "127.0.0.1";
const port = Number(process.env.PORT ?? "9090");

const server = http.createServer((request, response) => {
  if (request.url === "/") {
    setTimeout(() => response.end("done\n"), milliseconds);
  } else {
    response.statusCode = 404;
    response.end("not found\n");
  }
});
server.on("error", (error) => fail(`can't listen on ${host}:${port}: ${error.message}`));
server.listen(port, host, () => console.log(`listening on http://${host}:${port}`));
