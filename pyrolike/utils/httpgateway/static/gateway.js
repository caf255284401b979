// The page of the gateway. What comes from outside is only ever put in place as text.
"use strict";

const MOST_ITEMS = 500;      // items of a stream that stay on the page
const MOST_SHOWN = 200_000;  // characters of a result that are shown
const PER_PAGE = 50;

const find = (id) => document.getElementById(id);

/** Make an element: attributes, `on...` listeners, and children that are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// -- talking to the gateway -----------------------------------------------------------------------

const KEY = "pyro-gateway-key";

function headers(more = {}) {
  const key = sessionStorage.getItem(KEY);
  return key ? { "X-Pyro-Gateway-Key": key, ...more } : more;
}

class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function fetchData(path) {
  const response = await fetch(path, { headers: headers() });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new Failure(response.status, describeError(text).text);
}

/** Return class and text of an error, whether it is a class dict or a sentence. */
function describeError(raw) {
  try {
    const found = JSON.parse(raw);
    if (found && found.__exception__) {
      const trace = found.attributes && found.attributes._pyroTraceback;
      return {
        name: String(found.__class__),
        text: (found.args || []).map((arg) => typeof arg === "string" ? arg : JSON.stringify(arg)).join(", "),
        trace: Array.isArray(trace) ? trace.join("") : trace ? String(trace) : "",
      };
    }
  } catch { /* a sentence */ }
  return { name: "", text: raw.trim(), trace: "" };
}

// Letters that need no percent sign stay readable; a slash in a name would be one of the path.
const addressOf = (name, member) => `${encodeURIComponent(name)}/${encodeURIComponent(member)}`;

// -- JSON as the daemon wrote it ------------------------------------------------------------------

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|[A-Za-z]+|[[\]{},:]|./gsu;

/** Return JSON text as elements: indented and coloured, with every digit as it came. */
function pretty(raw) {
  const whole = document.createDocumentFragment();
  const tokens = raw.slice(0, MOST_SHOWN).match(TOKEN)?.filter((token) => token.trim()) ?? [];
  let depth = 0, isFlat = false;
  const line = () => "\n" + "  ".repeat(Math.min(depth, 40));
  tokens.forEach((token, place) => {
    const next = tokens[place + 1];
    if (token === "{" || token === "[") {
      depth += 1;
      isFlat = fitsInLine(tokens, place);
      whole.append(token, isFlat ? "" : line());
    } else if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      whole.append(isFlat ? "" : line(), token);
      isFlat = false;
    } else if (token === ",") whole.append(",", isFlat ? " " : line());
    else if (token === ":") whole.append(": ");
    else {
      const kind = token[0] === '"' ? (next === ":" ? "k" : "t") : /[-0-9]/.test(token[0]) ? "n" : "w";
      whole.append(make("span", { class: kind }, token));
    }
  });
  if (raw.length > MOST_SHOWN) whole.append(`\n… ${(raw.length - MOST_SHOWN).toLocaleString()} more characters`);
  return whole;
}

/** Tell whether the list or object that begins here is short, and has no other in it. */
function fitsInLine(tokens, place) {
  for (let end = place + 1, length = 0; end < tokens.length && length < 60; end += 1) {
    if (tokens[end] === "]" || tokens[end] === "}") return true;
    if (tokens[end] === "[" || tokens[end] === "{") return false;
    length += tokens[end].length + 1;
  }
  return false;
}

// -- the list of objects --------------------------------------------------------------------------

const list = { offset: 0, found: 0, asked: 0 };

/** Show the names that are searched for; return whether there is a list. */
async function showList() {
  const asked = ++list.asked;
  const query = new URLSearchParams({ search: find("search").value, offset: list.offset, limit: PER_PAGE });
  let data;
  try {
    data = await fetchData(`$objects?${query}`);
  } catch (failure) {
    if (asked === list.asked) showTrouble(failure);
    return false;
  }
  if (asked !== list.asked) return false;  // somebody has typed on
  list.found = data.found;
  find("objects").replaceChildren(...data.objects.map(listItem));
  find("where").textContent = `name server at ${data.nameserver.replace(/^.*@/, "")} · `
    + (data.exposed ? `exposed: ${data.exposed}` : "everything is exposed");
  find("version").textContent = `pyrolike ${data.version}`;
  const search = find("search").value.trim();
  find("count").textContent = data.found === 0
    ? (search ? "Nothing matches." : "Nothing is exposed.")
    : `${data.found.toLocaleString()} ${data.found === 1 ? "object" : "objects"}${search ? " found" : ""}`;
  find("pager").hidden = data.found <= PER_PAGE;
  find("previous").disabled = data.offset === 0;
  find("next").disabled = data.offset + data.objects.length >= data.found;
  find("range").textContent =
    `${(data.offset + 1).toLocaleString()} to ${(data.offset + data.objects.length).toLocaleString()}`;
  markCurrent();
  if (!place().name) showWelcome(data, search);
  return true;
}

function listItem({ name, tags }) {
  return make("li", {}, make("a", { href: `#${addressOf(name, "")}`, "data-name": name },
    make("span", { class: "name" }, name),
    tags.length ? make("span", { class: "tags" }, tags.join(" · ")) : null));
}

function markCurrent() {
  const { name } = place();
  for (const link of document.querySelectorAll("#objects a")) {
    if (link.dataset.name === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function turnPage(pages) {
  list.offset = Math.max(0, list.offset + pages * PER_PAGE);
  showList();
}

// -- states in which there is no object to show ---------------------------------------------------

function showState(view, ...children) {
  document.body.dataset.view = view;
  const content = make("div", { class: "state" }, ...children);
  find("main").replaceChildren(content);
  return content;
}

function showWelcome(data, search) {
  if (data.found || search) {
    showState("list",
      make("h2", {}, "Choose an object"),
      make("p", {}, "Its methods can be called here, with arguments of any type that JSON has; its attributes ",
        "can be read, and what it streams can be followed."),
      make("p", {}, make("kbd", {}, "/"), " goes to the search, and the arrow keys through the list. ",
        make("code", {}, "tag:word"), " finds objects by a tag."));
    return;
  }
  showState("state",
    make("h2", {}, "Nothing is exposed"),
    make("p", {}, "The name server is there, but it has no name that this gateway may offer: ",
      data.exposed ? "those that match" : "it is empty."),
    data.exposed ? make("pre", {}, data.exposed) : null,
    make("p", {}, "Register an object under such a name, or start the gateway with another --expose."),
    make("button", { onclick: showList }, "Look again"));
}

function showTrouble(failure) {
  find("count").textContent = "";
  if (failure.status === 403 && failure.message.includes("key")) return showKeyForm();
  const isAbsent = failure.status === 500 && failure.message.includes("name server");
  showState("state",
    make("h2", {}, isAbsent ? "No name server" : "That did not work"),
    make("p", { role: "alert" }, isAbsent
      ? "The gateway finds objects by asking the name server, and there is none, or it does not answer."
      : failure instanceof Failure ? failure.message : "The gateway does not answer. Is it still running?"),
    isAbsent ? make("pre", {}, "python -m pyrolike.naming") : null,
    make("button", { class: "primary", onclick: start }, "Try again"));
}

function showKeyForm() {
  const wasWrong = sessionStorage.getItem(KEY) !== null;
  const input = make("input", { type: "password", id: "key", autocomplete: "off", required: true,
    "aria-invalid": wasWrong ? "true" : null, "aria-describedby": wasWrong ? "key-problem" : null });
  const submit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, input.value);
    start();
  };
  showState("state",
    make("h2", {}, "A key is needed"),
    make("p", {}, "This gateway asks for its key. It stays in this tab, and is forgotten when you close it."),
    wasWrong ? make("p", { class: "bad", id: "key-problem", role: "alert" }, "That was not the right key.") : null,
    make("form", { onsubmit: submit },
      make("div", {}, make("label", { for: "key" }, "Gateway key"), input),
      make("button", { class: "primary" }, "Continue")));
  input.focus();
}

// -- an object ------------------------------------------------------------------------------------

/** Return which object and method the address names. */
function place() {
  try {
    const [name, member] = location.hash.slice(1).split("/").map(decodeURIComponent);
    return { name, member: member ?? "" };
  } catch {
    return { name: "", member: "" };
  }
}

let shown = "";           // the object whose members are on the page
let running = null;       // ends the call that runs, or the stream that is followed

async function showPlace() {
  const { name, member } = place();
  markCurrent();
  if (!name) {
    shown = "";
    document.title = "Pyro HTTP gateway";
    document.body.dataset.view = "list";
    return showList();
  }
  document.body.dataset.view = "object";
  if (shown === name) return showForm(name, member);
  running?.abort();
  shown = name;
  let data;
  try {
    data = await fetchData(`$object?${new URLSearchParams({ name })}`);
  } catch (failure) {
    if (shown !== name) return;
    shown = "";
    if (failure.status === 403 && failure.message.includes("key")) return showKeyForm();
    showState("object", backLink(), make("h2", {}, name),
      make("div", { class: "error", role: "alert" }, make("p", {}, failure.message)),
      make("p", {}), make("button", { onclick: showPlace }, "Try again"));
    return;
  }
  if (shown === name) showObject(data, member);
}

const backLink = () => make("a", { class: "back", href: "#" }, "← All objects");

function showObject({ name, tags, methods, attributes, oneway }, member) {
  const heading = make("h2", { tabindex: "-1" }, name);
  const chips = tags.map((tag) => make("button", { title: "Find all that have this tag", onclick: () => searchTag(tag) }, tag));
  const callable = methods.map((method) => make("button", {
    "aria-pressed": "false", "data-member": method, onclick: () => { location.hash = addressOf(name, method); },
  }, method, oneway.includes(method) ? make("small", {}, "one-way") : null));
  find("main").replaceChildren(
    backLink(), heading,
    chips.length ? make("div", { class: "chips", "aria-label": "Tags", role: "group" }, chips) : "",
    methods.length ? make("section", {}, make("h3", {}, "Methods"),
      make("div", { class: "members", role: "group", "aria-label": "Methods" }, callable)) : "",
    make("section", { id: "call", hidden: true }),
    attributes.length ? showAttributes(name, attributes) : "");
  document.title = `${name} · Pyro HTTP gateway`;
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
  find("main").scrollTop = 0;
  showForm(name, member);
}

function searchTag(tag) {
  find("search").value = `tag:${tag}`;
  list.offset = 0;
  document.body.dataset.view = "list";
  showList();
  find("search").focus();
}

function showAttributes(name, attributes) {
  const rows = attributes.map((attribute) => {
    const value = make("pre", { "aria-live": "polite" });
    const read = async () => {
      value.className = "";
      try {
        const response = await fetch(addressOf(name, attribute), { headers: headers() });
        const raw = await response.text();
        if (response.ok) return value.replaceChildren(pretty(raw));
        const error = describeError(raw);
        value.textContent = [error.name, error.text].filter(Boolean).join(": ");
      } catch {
        value.textContent = "The gateway does not answer.";
      }
      value.className = "bad";
    };
    const button = make("button", { onclick: read, "aria-label": `Read ${attribute}` }, "Read");
    return { read, row: make("li", {}, make("span", { class: "name" }, attribute), value, button) };
  });
  const all = make("button", { class: "plain", onclick: () => rows.forEach(({ read }) => read()) }, "Read all");
  return make("section", {},
    make("h3", {}, "Attributes ", rows.length > 1 ? all : ""),
    make("ul", { class: "attributes" }, rows.map(({ row }) => row)));
}

// -- arguments ------------------------------------------------------------------------------------

const TYPES = {
  text: { label: "Text", hint: "any text" },
  number: { label: "Number", hint: "3.14" },
  truth: { label: "True/false", hint: "" },
  null: { label: "Null", hint: "" },
  json: { label: "JSON", hint: '[1, "two", {"three": 3}]' },
};
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

/** Return JSON text for what was typed; throw a sentence if there is none. */
function jsonOf(type, text) {
  if (type === "null") return "null";
  if (type === "text") return JSON.stringify(text);
  if (type === "truth") return text;
  if (type === "number") {
    if (!NUMBER.test(text.trim())) throw new Error("Not a number as JSON writes it, such as -1, 2.5 or 1e9.");
    return text.trim();
  }
  try {
    JSON.parse(text);
  } catch (problem) {
    throw new Error(text.trim() ? `Not JSON: ${problem.message}` : "Nothing is there; JSON wants a value, such as [].");
  }
  return text;  // as it was typed: JavaScript's numbers have fewer digits than Python's
}

let numbered = 0;

class Argument {
  constructor(onChange, onRemove) {
    const id = `argument-${++numbered}`;
    this.onChange = onChange;
    this.name = make("input", { class: "mono", placeholder: "by position", "aria-label": "Name of the argument; empty for one by position",
      autocomplete: "off", spellcheck: "false", oninput: () => this.check() });
    this.type = make("select", { "aria-label": "Type", onchange: () => this.retype() },
      Object.entries(TYPES).map(([type, { label }]) => make("option", { value: type }, label)));
    this.holder = make("div", { class: "value" });
    this.problem = make("p", { class: "problem", id: `${id}-problem`, role: "status", hidden: true });
    this.row = make("div", { class: "argument", role: "group", "aria-label": "Argument" },
      this.name, this.type, this.holder,
      make("button", { type: "button", class: "plain", "aria-label": "Remove this argument", onclick: () => onRemove(this) }, "×"),
      this.problem);
    this.retype();
  }

  retype() {
    const type = this.type.value;
    const text = this.value?.tagName === "TEXTAREA" ? this.value.value : "";
    const common = { "aria-label": "Value", "aria-describedby": this.problem.id, oninput: () => this.check() };
    if (type === "truth") {
      this.value = make("select", common, make("option", {}, "true"), make("option", {}, "false"));
    } else {
      this.value = make("textarea", { ...common, rows: "1", spellcheck: "false", placeholder: TYPES[type].hint,
        disabled: type === "null" });
      this.value.value = type === "null" ? "" : text;
    }
    this.holder.replaceChildren(this.value);
    this.check();
  }

  /** Return name and JSON text; null if there is none, and the row says why. */
  check(isFinal = false) {
    this.value.style.height = "";
    if (this.value.scrollHeight > this.value.clientHeight && this.value.tagName === "TEXTAREA") {
      this.value.rows = Math.min(14, this.value.value.split("\n").length + 1);
    }
    let json = null, problem = "";
    try {
      json = jsonOf(this.type.value, this.value.value);
    } catch (reason) {
      problem = reason.message;
    }
    const isShown = problem && (isFinal || this.value.value !== "");
    this.problem.textContent = isShown ? problem : "";
    this.problem.hidden = !isShown;
    this.value.setAttribute("aria-invalid", String(Boolean(isShown)));
    if (!isFinal) this.onChange();
    return json === null ? null : { name: this.name.value.trim(), json };
  }
}

/** Return the body of a request: text, so that what was typed arrives letter by letter. */
function bodyOf(values) {
  const positional = values.filter(({ name }) => !name).map(({ json }) => json);
  const named = values.filter(({ name }) => name).map(({ name, json }) => `${JSON.stringify(name)}: ${json}`);
  return `{${[...(positional.length ? [`"$args": [${positional.join(", ")}]`] : []), ...named].join(", ")}}`;
}

// -- a call ---------------------------------------------------------------------------------------

function showForm(name, member) {
  const section = find("call");
  if (!section) return;
  let isThere = false;
  for (const button of document.querySelectorAll(".members button")) {
    const isIt = button.dataset.member === member;
    isThere ||= isIt;
    button.setAttribute("aria-pressed", String(isIt));
  }
  if (section.dataset.member === member) return;
  running?.abort();
  section.dataset.member = member;
  section.hidden = !isThere;
  section.replaceChildren();
  if (isThere) new CallForm(section, name, member);
}

class CallForm {
  constructor(section, name, member) {
    this.object = name;
    this.member = member;
    this.arguments = [];
    this.rows = make("div");
    this.head = make("div", { class: "argument head", "aria-hidden": "true", hidden: true },
      make("label", {}, "Name"), make("label", {}, "Type"), make("label", {}, "Value"));
    this.oneway = make("input", { type: "checkbox", onchange: () => this.showCommand() });
    this.command = make("pre", { class: "data" });
    this.button = make("button", { class: "primary" }, "Call");
    this.result = make("div", { class: "result", "aria-live": "polite" });
    const form = make("form", { class: "card", onsubmit: (event) => this.submit(event), onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    } },
      make("h3", {}, member, make("span", {}, " ( … )")), this.head, this.rows,
      make("div", { class: "actions" }, this.button,
        make("button", { type: "button", id: "add", onclick: () => this.add().value.focus() }, "Add an argument"),
        make("label", {}, this.oneway, "One-way, without an answer"),
        make("span", { class: "quiet hint" }, make("kbd", {}, "Ctrl"), " ", make("kbd", {}, "Enter"), " calls")),
      make("details", {}, make("summary", {}, "The same in a shell"), this.command));
    section.append(form, this.result);
    this.showCommand();
    section.scrollIntoView({ block: "nearest" });
  }

  add() {
    const argument = new Argument(() => this.showCommand(), (gone) => this.remove(gone));
    this.arguments.push(argument);
    this.rows.append(argument.row);
    this.head.hidden = false;
    this.showCommand();
    return argument;
  }

  remove(argument) {
    this.arguments.splice(this.arguments.indexOf(argument), 1);
    argument.row.remove();
    this.head.hidden = !this.arguments.length;
    this.showCommand();
    find("add").focus();
  }

  /** Return the request's body, or null: then the first argument that is no good has the focus. */
  body() {
    const values = this.arguments.map((argument) => argument.check(true));
    const bad = values.indexOf(null);
    if (bad >= 0) {
      this.arguments[bad].value.focus();
      return null;
    }
    return bodyOf(values);
  }

  showCommand() {
    const values = this.arguments.map(({ name, type, value }) => {
      try {
        return { name: name.value.trim(), json: jsonOf(type.value, value.value) };
      } catch {
        return { name: name.value.trim(), json: "…" };
      }
    });
    const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const parts = ["curl", "-H 'Content-Type: application/json'"];
    if (sessionStorage.getItem(KEY)) parts.push('-H "X-Pyro-Gateway-Key: $PYRO_HTTPGATEWAY_KEY"');
    if (this.oneway.checked) parts.push("-H 'X-Pyro-Options: oneway'");
    parts.push(`-d ${quote(bodyOf(values))}`, quote(new URL(addressOf(this.object, this.member), document.baseURI.replace(/#.*/, "")).href));
    this.command.textContent = parts.join(" \\\n  ");
  }

  async submit(event) {
    event.preventDefault();
    const body = this.body();
    if (body === null) return;
    running?.abort();
    const call = running = new AbortController();
    this.button.disabled = true;
    const began = performance.now();
    const stop = make("button", { type: "button", class: "stop", onclick: () => call.abort() }, "Stop");
    const line = make("div", { class: "line" }, make("span", { class: "quiet" }, "Calling …"), stop);
    this.result.replaceChildren(line);
    try {
      const response = await fetch(addressOf(this.object, this.member), {
        method: "POST", body, signal: call.signal,
        headers: headers({
          "Content-Type": "application/json",
          "Accept": "application/x-ndjson, application/json",
          ...(this.oneway.checked ? { "X-Pyro-Options": "oneway" } : {}),
        }),
      });
      if ((response.headers.get("Content-Type") || "").startsWith("application/x-ndjson")) {
        await this.follow(response, call, began);
      } else {
        this.showResult(response, await response.text(), performance.now() - began);
      }
    } catch {
      this.result.replaceChildren(call.signal.aborted
        ? make("p", { class: "quiet" }, "Stopped. The method may still be running.")
        : make("div", { class: "error" }, make("p", {}, "The gateway does not answer. Is it still running?")));
    } finally {
      this.button.disabled = false;
      // Whoever has pressed Stop finds the focus here, and not at the top of the page.
      if (document.activeElement === document.body) this.button.focus();
      if (running === call) running = null;
    }
  }

  showResult(response, raw, milliseconds) {
    const facts = [duration(milliseconds)];
    if (raw) facts.push(`${new Blob([raw]).size.toLocaleString()} bytes`);
    const id = response.headers.get("X-Pyro-Correlation-Id");
    const copy = make("button", { type: "button", onclick: () => navigator.clipboard?.writeText(raw) }, "Copy");
    const line = make("div", { class: "line" },
      make("span", { class: `status ${response.ok ? "good" : "bad"}` }, response.ok ? "Returned" : `Failed, ${response.status}`),
      make("span", { class: "quiet" }, facts.join(" · ")),
      make("span", { class: "end" }, raw && navigator.clipboard ? copy : null));
    const content = !response.ok ? errorBox(raw)
      : raw ? make("pre", { class: "data", tabindex: "0", "aria-label": "Result" }, pretty(raw))
      : make("p", { class: "quiet" }, "Sent. A one-way call has no answer.");
    this.result.replaceChildren(line, content,
      id ? make("p", { class: "quiet" }, "correlation id ", make("code", {}, id)) : "");
    this.result.scrollIntoView({ block: "nearest" });
  }

  async follow(response, call, began) {
    const status = make("span", { class: "status good live" }, "Live");
    const facts = make("span", { class: "quiet", "aria-live": "off" });
    const stop = make("button", { type: "button", class: "stop", onclick: () => call.abort() }, "Stop");
    const items = make("ol", { class: "items", tabindex: "0", "aria-label": "Items of the stream", "aria-live": "off" });
    this.result.replaceChildren(make("div", { class: "line" }, status, facts, make("span", { class: "end" }, stop)), items);
    stop.focus();
    let count = 0, failure = null, word = "Ended";
    const tell = () => { facts.textContent = `${count.toLocaleString()} ${count === 1 ? "item" : "items"} · ${duration(performance.now() - began)}`; };
    // Items may come faster than anybody reads: they are shown a few times a second, the last ones.
    let fresh = [];
    const show = () => {
      tell();
      if (!fresh.length) return;
      const isAtEnd = items.scrollHeight - items.scrollTop - items.clientHeight < 40;
      const first = count - fresh.length + 1;
      items.append(...fresh.map((line, place) =>
        make("li", {}, make("span", {}, (first + place).toLocaleString()), make("pre", {}, compact(line)))));
      fresh = [];
      while (items.childElementCount > MOST_ITEMS) items.firstElementChild.remove();
      if (isAtEnd) items.scrollTop = items.scrollHeight;
    };
    const take = (line) => {
      if (isFailure(line)) failure = line;
      else {
        fresh.push(line);
        count += 1;
      }
    };
    const timer = setInterval(show, 100);
    try {
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        lines.filter(Boolean).forEach(take);
        if (fresh.length > MOST_ITEMS) fresh = fresh.slice(-MOST_ITEMS);
      }
    } catch {
      word = call.signal.aborted ? "Stopped" : "Broken off";
    }
    clearInterval(timer);
    show();
    stop.remove();
    status.className = `status ${failure || word === "Broken off" ? "bad" : "good"}`;
    status.textContent = failure ? "Failed" : word;
    if (failure) this.result.append(errorBox(failure));
  }
}

const isFailure = (line) => line.startsWith('{') && line.includes('"__exception__"') && describeError(line).name !== "";

const duration = (milliseconds) => milliseconds < 1000 ? `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
  : `${(milliseconds / 1000).toFixed(1)} s`;

/** Colour an item without breaking it into lines. */
function compact(raw) {
  const whole = document.createDocumentFragment();
  for (const token of raw.slice(0, MOST_SHOWN).match(TOKEN) ?? []) {
    const kind = token[0] === '"' ? "t" : /[-0-9]/.test(token[0]) ? "n" : /[A-Za-z]/.test(token[0]) ? "w" : "";
    whole.append(kind ? make("span", { class: kind }, token) : token);
  }
  return whole;
}

function errorBox(raw) {
  const { name, text, trace } = describeError(raw);
  return make("div", { class: "error", role: "alert" },
    name ? make("strong", {}, name) : null, make("p", {}, text || "(without a message)"),
    trace ? make("details", {}, make("summary", {}, "Traceback on the server"), make("pre", {}, trace)) : null);
}

// -- keys and beginnings --------------------------------------------------------------------------

function moveInList(event) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const links = [...document.querySelectorAll("#objects a")];
  const at = links.indexOf(document.activeElement);
  const target = at + (event.key === "ArrowDown" ? 1 : -1);
  event.preventDefault();
  if (target < 0) find("search").focus();
  else links[Math.min(target, links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.body.dataset.view = document.body.dataset.view === "object" && innerWidth < 736 ? "list" : document.body.dataset.view;
    find("search").focus();
  }
});
document.querySelector("nav").addEventListener("keydown", moveInList);
find("skip").addEventListener("click", (event) => { event.preventDefault(); find("main").focus(); });
find("search-form").addEventListener("submit", (event) => event.preventDefault());
let typing = 0;
find("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => { list.offset = 0; showList(); }, 120);
});
find("previous").addEventListener("click", () => turnPage(-1));
find("next").addEventListener("click", () => turnPage(1));
addEventListener("hashchange", showPlace);
addEventListener("pagehide", () => running?.abort());

async function start() {
  shown = "";
  if (await showList() && place().name) showPlace();
}

start();
