// The study's Express application. Times come from the environment, so that one factor can scale
// the whole study.
"use strict";

const express = require("express");

function fail(message) {
  console.error(message);
  process.exit(1);
}

function numberFromEnvironment(name, fallback, isAccepted, accepted) {
  const text = process.env[name] ?? fallback;
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value) || !isAccepted(value)) {
    fail(`${name}=${JSON.stringify(text)} is not ${accepted}`);
  }
  return value;
}

function secondsFromEnvironment(name) {
  return numberFromEnvironment(name, "5", (value) => value >= 0, "a number of seconds, 0 or more");
}

const timeoutMilliseconds = secondsFromEnvironment("TIMEOUT_SECONDS") * 1000;
const heavyMilliseconds = secondsFromEnvironment("HEAVY_SECONDS") * 1000;
const host = process.env.HOST ?? "127.0.0.1";
const port = numberFromEnvironment(
  "PORT",
  "3000",
  (value) => Number.isInteger(value) && value >= 1 && value <= 65535,
  "a port, 1 to 65535",
);

const app = express();

app.get("/ping", (request, response) => {
  response.send("pong\n");
});

app.get("/timeout", (request, response) => {
  setTimeout(() => response.send("slept\n"), timeoutMilliseconds);
});

// Busy until a moment of the clock, not for an amount of work: replicas that share one CPU all
// answer after the same time, as in the study.
app.get("/heavy", (request, response) => {
  const end = performance.now() + heavyMilliseconds;
  while (performance.now() < end);
  response.send("worked\n");
});

app.listen(port, host, (error) => {
  if (error) {
    fail(`can't listen on ${host}:${port}: ${error.message}`);
  }
  console.log(`listening on http://${host}:${port}`);
});
