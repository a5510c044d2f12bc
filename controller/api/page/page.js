/* The live page: what the public API says, and nothing else.  Aggregates only:
 * what it holds and draws does not grow with the number of clients. */
"use strict";

const MAX_LINES = 200; // Of events.
const MAX_DRAWN = 8; // Routers, and segments, in the picture.
const REFRESH_MS = 5000; // Without events; after one, 400 ms.

const $ = (id) => document.getElementById(id);
const number = (n) => n.toLocaleString("en");

/* An element: h("td", { class: "n" }, "text", element, ...). */
function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  const space = "http://www.w3.org/2000/svg";
  return fill(document.createElementNS(space, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/* Replaces what is in 'element'; a button that had the focus keeps it. */
function show(element, ...children) {
  const key = element.contains(document.activeElement)
    && document.activeElement.dataset.key;
  element.replaceChildren(...children.filter((child) => child !== null));
  if (key) {
    const again = element.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (again) again.focus();
  }
}

/* The API. */

let token = "";

async function ask(path, method = "GET", body = undefined) {
  const headers = method === "GET" ? {} : { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, {
    method, headers, body: body && JSON.stringify(body), cache: "no-store",
  });
  const json = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) {
    const error = new Error(json.detail || reply.statusText);
    error.status = reply.status;
    error.problem = json;
    throw error;
  }
  return json;
}

const clientPath = (c, rest = "") => `/v1/clients/${encodeURIComponent(c.address)}`
  + `${rest}?segment=${encodeURIComponent(c.segment)}`;

/* Totals. */

function tile(kind, value, text) {
  return h("div", { class: `tile ${kind}` }, h("b", {}, value), h("span", {}, text));
}

function showTotals(status, exposure) {
  const c = status.counts;
  const away = c.routers - c.routers_connected;
  $("about").textContent = `${status.version}, ${status.role}, up ${duration(status.uptime_s)}`;
  show(
    $("tiles"),
    tile(c.clients_active ? "good" : "", number(c.clients_active), "clients served"),
    tile(c.clients_lost ? "bad" : "", number(c.clients_lost), "clients lost"),
    tile(c.clients_pending ? "warn" : "", number(c.clients_pending), "never reached"),
    tile(away ? "bad" : "good", `${c.routers_connected} of ${c.routers}`, "routers connected"),
    tile(
      exposure.clients_exposed ? "warn" : "good",
      number(exposure.clients_exposed),
      "clients with one router only",
    ),
  );
}

function duration(seconds) {
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

/* Routers. */

function stateOf(router) {
  if (router.headless) return ["warn", "headless"];
  if (!router.connected) return ["bad", "away"];
  if (router.admin === "drain") return ["warn", "drains"];
  if (router.uplink === "down") return ["warn", "no uplink"];
  if (!router.ready) return ["warn", "connected"];
  return router.clients_active ? ["good", "serves"] : ["idle", "standby"];
}

function portsOf(router) {
  if (!router.connected) return "unknown";
  const down = [...new Set(router.ports.filter((p) => !p.up).map((p) => p.name))];
  return down.length ? `${down.join(", ")} down` : "all up";
}

function routerRow(router) {
  const [kind, text] = stateOf(router);
  const drains = router.admin === "drain";
  return h(
    "tr", {},
    h("th", { scope: "row" }, router.name),
    h("td", {}, h("span", { class: `pill ${kind}` }, text)),
    h("td", { class: "n" }, number(router.clients_active)),
    h("td", { class: "n" }, number(router.clients_reachable)),
    h("td", {}, portsOf(router)),
    h("td", { class: "n" }, h("button", {
      type: "button", "data-key": `drain-${router.name}`,
      "aria-label": `${drains ? "Undrain" : "Drain"} ${router.name}`,
      click: () => (drains ? confirmUndrain(router) : confirmDrain(router)),
    }, drains ? "Undrain…" : "Drain…")),
  );
}

/* The picture: the core, routers, segments; a line is as thick as what it
 * carries. */

const WIDTH = 900;
const place = (i, n) => (WIDTH * (i + 0.5)) / n;

function picture(routers, segments, paths) {
  const shown = routers.slice(0, MAX_DRAWN);
  const nets = [...segments].sort((a, b) => b.clients_active - a.clients_active)
    .slice(0, MAX_DRAWN).sort((a, b) => (a.name < b.name ? -1 : 1));
  const total = Math.max(1, ...routers.map((r) => r.clients_active));
  const drawing = svg("svg", {
    viewBox: `0 0 ${WIDTH} 400`, role: "img", "aria-labelledby": "p-title",
  }, svg("title", { id: "p-title" }, describe(routers, segments, paths)));
  const column = new Map(shown.map((r, i) => [r.name, place(i, shown.length)]));

  for (const r of shown) drawing.append(coreWire(r, column.get(r.name), total));
  nets.forEach((s, i) => {
    for (const m of s.routers) {
      if (column.has(m.router)) {
        drawing.append(segmentWire(s, m, column.get(m.router), place(i, nets.length), total,
          shown.find((r) => r.name === m.router)));
      }
    }
  });
  drawing.append(...brokenPaths(paths, column));
  drawing.append(
    svg("rect", { class: "lan", x: WIDTH / 2 - 80, y: 10, width: 160, height: 38, rx: 19 }),
    svg("text", { x: WIDTH / 2, y: 34 }, "core"),
  );
  for (const r of shown) drawing.append(routerBox(r, column.get(r.name), shown.length, total));
  nets.forEach((s, i) => drawing.append(segmentBox(s, place(i, nets.length), nets.length)));
  return drawing;
}

function describe(routers, segments, paths) {
  const broken = paths.filter((p) => [p.access, p.core].some((s) => s && s.state === "lost"));
  return `${routers.length} routers: `
    + routers.slice(0, MAX_DRAWN).map((r) => `${r.name} ${stateOf(r)[1]}, active for `
      + `${number(r.clients_active)}`).join("; ")
    + `. ${segments.length} segments: `
    + segments.slice(0, MAX_DRAWN).map((s) => `${s.name}, ${number(s.clients_active)} clients`).join("; ")
    + `. ${broken.length} broken paths.`;
}

const thickness = (n, total) => (n ? 2 + 5 * Math.sqrt(n / total) : 1.5);

function coreWire(router, x, total) {
  const uplinks = router.ports.filter((p) => p.role === "uplink");
  const bad = !router.connected || uplinks.some((p) => !p.up || p.next_hop_state === "dead");
  return svg("path", {
    class: `wire ${bad ? "bad" : router.clients_active ? "good" : "idle"}`,
    d: `M${WIDTH / 2} 48 C${WIDTH / 2} 90 ${x} 70 ${x} 120`,
    "stroke-width": thickness(router.clients_active, total),
  });
}

function segmentWire(segment, member, from, to, total, router) {
  const kind = !router.connected && !router.headless ? "bad" : member.clients_active ? "good" : "idle";
  return svg("path", {
    class: `wire ${kind}`,
    d: `M${from} 196 C${from} 260 ${to} 250 ${to} 322`,
    "stroke-width": thickness(member.clients_active, total),
  }, svg("title", {}, `${member.router} on ${segment.name}: active for `
    + `${number(member.clients_active)}, reaches ${number(member.clients_reachable)}`));
}

/* Pairs of routers that do not hear each other where they should. */
function brokenPaths(paths, column) {
  const drawn = [];
  for (const path of paths) {
    const [a, b] = path.routers.map((name) => column.get(name));
    for (const [side, y] of [["core", 128], ["access", 188]]) {
      if (a !== undefined && b !== undefined && path[side] && path[side].state === "lost") {
        const middle = (a + b) / 2;
        const bow = side === "core" ? y - 34 : y + 34;
        drawn.push(svg("path", {
          class: "wire bad", d: `M${a} ${y} Q${middle} ${bow} ${b} ${y}`, "stroke-width": 3,
        }, svg("title", {}, `${path.routers.join(" - ")} on ${path.segment}: ${side} path lost`)));
      }
    }
  }
  return drawn;
}

function routerBox(router, x, n, total) {
  const w = Math.min(170, WIDTH / n - 14);
  const [kind, text] = stateOf(router);
  const share = (w - 20) * (router.clients_active / total);
  return svg(
    "g", {},
    svg("rect", { class: `box ${kind}`, x: x - w / 2, y: 120, width: w, height: 76, rx: 10 }),
    svg("text", { x, y: 142, "font-weight": 600 }, clip(router.name, w)),
    svg("text", { x, y: 160, class: "small" }, text),
    svg("rect", { class: "rest", x: x - w / 2 + 10, y: 167, width: w - 20, height: 5, rx: 2.5 }),
    svg("rect", { class: "share", x: x - w / 2 + 10, y: 167, width: share, height: 5, rx: 2.5 }),
    svg("text", { x, y: 188, class: "small" }, `active for ${number(router.clients_active)}`),
  );
}

function segmentBox(segment, x, n) {
  const w = Math.min(200, WIDTH / n - 14);
  const lost = segment.clients_lost;
  return svg(
    "g", {},
    svg("rect", { class: `box ${lost ? "bad" : ""}`, x: x - w / 2, y: 322, width: w, height: 62, rx: 31 }),
    svg("text", { x, y: 348, "font-weight": 600 }, clip(segment.name, w)),
    svg("text", { x, y: 368, class: "small" }, `${number(segment.clients_active)} clients`
      + (lost ? `, ${number(lost)} lost` : "")),
  );
}

function clip(text, width) {
  const n = Math.floor(width / 9);
  return text.length > n ? `${text.slice(0, n - 1)}…` : text;
}

/* Paths. */

function pathRow(path) {
  const side = (s) => (s ? h("span", {
    class: `pill ${s.state === "up" ? "good" : s.state === "lost" ? "bad" : "idle"}`,
  }, s.state === "up" && s.rtt_us ? `up, ${(s.rtt_us / 1000).toFixed(1)} ms` : s.state) : "–");
  return h(
    "tr", {},
    h("th", { scope: "row" }, path.routers.join(" – ")),
    h("td", {}, path.segment),
    h("td", {}, side(path.access)),
    h("td", {}, side(path.core)),
    h("td", { class: "n" }, path.access ? number(path.access.clients) : "–"),
  );
}

function showPaths(paths) {
  const bad = (p) => [p.access, p.core].some((s) => s && s.state === "lost");
  const rows = [...paths].sort((a, b) => bad(b) - bad(a)).slice(0, 50);
  if (!rows.length) {
    show($("paths"), h("p", { class: "dim" }, "No segment has two routers."));
    return;
  }
  show(
    $("paths"),
    h(
      "div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "h-paths" },
      h("table", {}, h("thead", {}, h(
        "tr", {},
        ...["Routers", "Segment", "Access side", "Core side"].map((t) => h("th", { scope: "col" }, t)),
        h("th", { scope: "col", class: "n" }, "Clients"),
      )), h("tbody", {}, ...rows.map(pathRow))),
    ),
    paths.length > 50 ? h("p", { class: "dim" }, `and ${number(paths.length - 50)} more`) : null,
  );
}

/* The whole, again and again. */

let timer = 0;
let busy = false;
let again = false;

function refreshSoon(ms) {
  if (busy) {
    again = true;
    return;
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, ms);
}

async function refresh() {
  busy = true;
  again = false;
  try {
    const [status, routers, segments, paths, exposure] = await Promise.all([
      ask("/v1/status"), ask("/v1/routers"), ask("/v1/segments"), ask("/v1/paths"),
      ask("/v1/exposure?limit=1"),
    ]);
    showTotals(status, exposure);
    show($("routers"), ...routers.routers.map(routerRow));
    show($("network"), picture(routers.routers, segments.segments, paths.paths));
    showPaths(paths.paths);
    alarm(status.problems && status.problems.length ? status.problems.join("; ") : "");
    document.body.dataset.ready = "yes";
  } catch (error) {
    alarm(error.status ? error.message : "The daemon does not answer.");
  }
  busy = false;
  refreshSoon(again ? 400 : REFRESH_MS);
}

function alarm(text) {
  if ($("alarm").textContent !== text) $("alarm").textContent = text;
  $("alarm").hidden = !text;
}

/* Events. */

const waiting = [];
let paused = false;

const KINDS = [
  [/^client\.(lost|conflict|refused)|disconnected$|^path\.lost/, "bad"],
  [/^client\.(moved|withdrawn|static)|^router\.(admin|uplink|repaired)/, "warn"],
  [/^client\.(elected|found)|connected$|^path\.found/, "good"],
];

const kindOf = (type) => (KINDS.find(([pattern]) => pattern.test(type)) || ["", ""])[1];

function eventText(e, n) {
  const way = e.from && e.to ? `${e.from} → ${e.to}` : e.from || e.to || "";
  const who = n > 1 ? `${number(n)} clients` : e.client || "";
  return [e.type, who, way, e.segment && `on ${e.segment}`, e.cause && `(${e.cause})`,
    n === 1 && e.detail].filter(Boolean).join(" ");
}

const clock = (time) => new Date(time).toLocaleTimeString("en-GB") + time.slice(19, 23);

/* Many of a kind at once are one line. */
function flushEvents() {
  if (paused || !waiting.length) return;
  const groups = new Map();
  for (const e of waiting) {
    const key = e.client ? [e.type, e.from, e.to, e.cause, e.segment].join("|") : e.seq;
    const group = groups.get(key);
    if (group) group.n += 1;
    else groups.set(key, { e, n: 1 });
  }
  const few = waiting.length <= 20;
  const lines = few ? waiting.map((e) => ({ e, n: 1 })) : [...groups.values()];
  waiting.length = 0;
  const kind = $("kind").value;
  for (const { e, n } of lines.slice(-MAX_LINES)) {
    if (kind && e.type !== kind && !e.type.startsWith(`${kind}.`)) continue;
    $("events").prepend(h(
      "li", {}, h("time", { datetime: e.time }, clock(e.time)),
      h("span", { class: kindOf(e.type) }, eventText(e, n)),
    ));
  }
  while ($("events").children.length > MAX_LINES) $("events").lastChild.remove();
}

function onEvent(message) {
  const e = JSON.parse(message.data);
  waiting.push(e);
  if (waiting.length > 200000) waiting.splice(0, 100000);
  refreshSoon(400);
  if (shownClient && e.client === shownClient.address) showClientSoon();
}

async function follow() {
  /* The last few, then whatever comes. */
  const { counts } = await ask("/v1/status");
  const since = Math.max(0, counts.last_event - 50);
  const stream = new EventSource(`/v1/events?since=${since}`);
  stream.onmessage = onEvent;
  stream.onopen = () => setLink("good", "live");
  stream.onerror = () => setLink("bad", "reconnecting");
}

function setLink(kind, text) {
  $("link").className = `pill ${kind}`;
  $("link").textContent = text;
}

/* A client's story. */

let shownClient = null;
let clientTimer = 0;

function showClientSoon() {
  clearTimeout(clientTimer);
  clientTimer = setTimeout(() => showClient(shownClient, false), 300);
}

function reachRow(client, name, candidate) {
  const reach = client.reach[name];
  const isActive = client.active === name;
  return h(
    "tr", {},
    h("th", { scope: "row" }, name),
    h("td", {}, h("span", {
      class: `pill ${isActive ? "good" : reach.state === "up" ? "idle" : "bad"}`,
    }, isActive ? "active" : reach.state === "up" ? "standby" : reach.state)),
    h("td", { class: "n" }, reach.rtt_us ? `${(reach.rtt_us / 1000).toFixed(2)} ms` : "–"),
    h("td", {}, reach.port || "–"),
    h("td", { class: "n" }, candidate ? candidate.priority : ""),
    h("td", { class: "n" }, isActive || reach.state !== "up" ? null : h("button", {
      type: "button", "data-key": `move-${name}`, "aria-label": `Move ${client.address} to ${name}`,
      click: () => confirmMove(client, name),
    }, "Move here…")),
  );
}

function storyLine(e) {
  return h("li", {}, h("time", { datetime: e.time, class: "dim" }, `${e.time.slice(0, 10)} ${clock(e.time)} `),
    h("span", { class: kindOf(e.type) }, [e.type.split(".")[1],
      e.from && e.to ? `${e.from} → ${e.to}` : e.to || e.from, e.cause && `because: ${e.cause}`,
      e.detect_ms !== null && `noticed after ${e.detect_ms} ms`, e.detail].filter(Boolean).join(", ")));
}

async function showClient(name, focus) {
  const section = $("client");
  try {
    const query = name.segment ? `?segment=${encodeURIComponent(name.segment)}` : "";
    const client = await ask(`/v1/clients/${encodeURIComponent(name.address)}${query}`);
    const [explain, usage, events] = await Promise.all([
      ask(clientPath(client, "/explain")),
      ask(clientPath(client, "/usage")),
      ask(`/v1/events?client=${client.address}&segment=${encodeURIComponent(client.segment)}`),
    ]);
    shownClient = { address: client.address, segment: client.segment };
    show($("story"), ...story(client, explain, usage, events.events));
  } catch (error) {
    shownClient = null;
    show($("story"), ...trouble(name, error));
  }
  section.hidden = false;
  if (focus) section.focus();
}

const amount = (count) => `${number(count.packets)} packets, ${number(count.bytes)} bytes`;

function story(client, explain, usage, events) {
  const tags = client.vlan.length ? client.vlan.join(".") : "none";
  return [
    h("dl", {}, ...[
      ["Address", client.address], ["Segment", client.segment],
      ["State", client.active ? `${client.state}, on ${client.active}` : client.state],
      ["Since", client.since ? new Date(client.since).toLocaleString("en-GB") : "–"],
      ["MAC", client.mac || "unknown"], ["VLAN", tags], ["Origin", client.origin],
      ["Moves", number(client.moves)], ["Election", explain.decision],
      ["Sent", amount(usage.from_client)], ["Received", amount(usage.to_client)],
    ].flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])),
    h("table", {}, h("thead", {}, h(
      "tr", {}, ...["Router", "State"].map((t) => h("th", { scope: "col" }, t)),
      h("th", { scope: "col", class: "n" }, "Round trip"), h("th", { scope: "col" }, "Port"),
      h("th", { scope: "col", class: "n" }, "Priority"),
      h("th", { scope: "col" }, h("span", { class: "hidden" }, "Actions")),
    )), h("tbody", {}, ...Object.keys(client.reach).map((r) => reachRow(
      client, r, explain.candidates.find((c) => c.router === r))))),
    h("h3", {}, "What happened"),
    events.length ? h("ul", { class: "story" }, ...events.slice(-30).reverse().map(storyLine))
      : h("p", { class: "dim" }, "Nothing that is still remembered."),
  ];
}

function trouble(name, error) {
  const segments = (error.problem && error.problem.segments) || [];
  return [
    h("p", {}, error.message),
    ...segments.map((segment) => h("p", {}, h("button", {
      type: "button", click: () => showClient({ address: name.address, segment }, true),
    }, `${name.address} on ${segment}`))),
  ];
}

/* Changes, each after a question. */

let deed = null;

function question(title, text, yes, act) {
  $("d-title").textContent = title;
  show($("d-text"), ...text.map((line) => h("p", {}, line)));
  $("d-yes").textContent = yes;
  $("d-error").hidden = true;
  $("d-token").hidden = Boolean(token);
  deed = act;
  $("dialog").showModal();
}

async function act(event) {
  event.preventDefault();
  if (!token) token = $("token").value;
  $("token").value = "";
  try {
    await deed();
    $("dialog").close();
    refreshSoon(100);
    if (shownClient) showClientSoon();
  } catch (error) {
    if (error.status === 401) {
      token = "";
      $("d-token").hidden = false;
    }
    $("d-error").textContent = error.status === 401 ? "The token is not right." : error.message;
    $("d-error").hidden = false;
  }
}

const routerPath = (r) => `/v1/routers/${encodeURIComponent(r.name)}`;

async function confirmDrain(router) {
  const x = await ask(`/v1/exposure?limit=5&router=${encodeURIComponent(router.name)}`);
  const text = [`${number(x.clients_active - x.clients_cut_off)} clients move away`
    + (x.moves.length ? `: ${x.moves.map((m) => `${number(m.clients)} to ${m.to}`).join(", ")}.` : ".")];
  if (x.clients_cut_off) {
    text.push(`${number(x.clients_cut_off)} stay behind: ${x.clients.map((c) => c.address).join(", ")}`
      + `${x.clients_cut_off > x.clients.length ? ", …" : ""}.`);
  }
  if (x.clients_without_spare) {
    text.push(`${number(x.clients_without_spare)} are left with one router only.`);
  }
  question(`Drain ${router.name}?`, text, `Drain ${router.name}`,
    () => ask(routerPath(router), "PATCH", { admin: "drain" }));
}

function confirmUndrain(router) {
  question(`Undrain ${router.name}?`, ["It may take clients again."], `Undrain ${router.name}`,
    () => ask(routerPath(router), "PATCH", { admin: "up" }));
}

function confirmMove(client, router) {
  question(`Move ${client.address} to ${router}?`,
    [`On segment ${client.segment}; it is on ${client.active || "no router"} now.`], `Move to ${router}`,
    () => ask(clientPath(client, "/move"), "POST", { router }));
}

/* Start. */

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const address = $("address").value.trim();
  if (address) showClient({ address }, true);
});
$("confirm").addEventListener("submit", act);
$("d-no").addEventListener("click", () => $("dialog").close());
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
});
$("kind").addEventListener("change", () => $("events").replaceChildren());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    $("address").focus();
  }
});
setInterval(flushEvents, 300);
refresh();
follow().catch(() => setTimeout(() => location.reload(), 3000));
