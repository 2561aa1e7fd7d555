// The fragment of the URL names the place that is shown, so Back and shared links work. The token is in sessionStorage:
// it survives a reload, other tabs cannot read it, and it is never part of a URL. Text from the service becomes text
// nodes and properties; the policy of the page (Trusted Types) forbids its use as HTML.

const LINES = 40;
const CHARACTERS = 64 * 1024;
const PLAYERS = { video: "video", audio: "audio", image: "img" };

const find = (selector) => document.querySelector(selector);
const findAll = (selector) => [...document.querySelectorAll(selector)];
const [identify, nav, article] = ["#identify", "nav", "article"].map(find);

let place = {};
let identity = null;

/** Create an element with properties and children. */
function create(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Return the fragment of the current place with changes; an empty value removes a part. */
function fragment(changes) {
  const parts = Object.entries({ ...place, ...changes }).filter(([, value]) => value);
  return `#${new URLSearchParams(parts)}`.replaceAll("%2F", "/");
}

/** Create a link to the current place with changes, of which the first one is what the link is about. */
function createLink(text, changes) {
  return create("a", { changes, href: fragment(changes) }, text);
}

/** Update the links after each navigation, because lists stay when another part of the place changes. */
function updateLinks() {
  for (const link of findAll("a").filter((each) => each.changes)) {
    link.href = fragment(link.changes);
    const [[name, value]] = Object.entries(link.changes);
    link.ariaCurrent = link.closest(".items") && place[name] === value ? "true" : null;
  }
  nav.lastElementChild?.setAttribute("aria-current", "page");
}

/** Parse JSON. Numbers that JavaScript would round stay as they were written. */
function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && JSON.rawJSON && String(value) !== context.source
      ? JSON.rawJSON(context.source)
      : value,
  );
}

/** Send a request to the service. Return the body of the response and the cursor of the next page. */
async function ask(path, { query = {}, ...options } = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const headers = { Authorization: `Bearer ${sessionStorage.token}`, "Content-Type": "application/json" };
  const response = await fetch(`${path}?${parameters}`, { headers, ...options });
  const text = await response.text();
  if (response.ok) return [parse(text), response.headers.get("X-Next-Cursor")];
  if (response.status === 401) forget();
  // The response of a proxy in between may have another form.
  throw new Error(/^\{"error"/.test(text) ? parse(text).error : `The service answered ${response.status}.`);
}

/** Show the message of an error, unless a newer request has replaced the failed one. */
function report(error) {
  if (error.name !== "AbortError") find("#problem").textContent = error.message;
}

/** A list that is loaded page by page, and its section. */
class List {
  constructor(name, createItem) {
    this.name = name;
    this.createItem = createItem;
    this.section = find(`#${name}`);
    this.items = this.section.querySelector(".items");
    this.status = create("p", { role: "status" });
    this.more = create("button", { hidden: true, onclick: () => this.load() }, `More ${name}`);
    this.section.append(this.status, this.more);
  }

  /** Show the first page of a query, unless the list is that of this query. Without a query, hide the section. */
  show(path, query) {
    this.section.hidden = !query;
    const key = query ? JSON.stringify([path, query]) : "";
    if (key === this.key) return;
    Object.assign(this, { key, path, query, cursor: null });
    this.request?.abort();
    this.items.replaceChildren();
    this.more.hidden = true;
    this.status.textContent = "";
    if (query) this.load();
  }

  /** Append the next page, and move the focus to it if the button had the focus. */
  async load() {
    this.request?.abort();
    const { signal } = (this.request = new AbortController());
    this.status.textContent = "Loading…";
    try {
      const [page, next] = await ask(this.path, { query: { ...this.query, limit: 100, cursor: this.cursor }, signal });
      const added = page.map(this.createItem);
      this.items.append(...added);
      if (document.activeElement === this.more) added[0]?.querySelector("a").focus();
      this.cursor = next;
      this.more.hidden = !next;
      const count = this.items.children.length;
      const noun = count === 1 ? this.name.slice(0, -1) : this.name;
      this.status.textContent = `${count || "No"} ${noun}${next ? "; there are more" : ""}`;
      updateLinks();
    } catch (error) {
      if (!signal.aborted) this.status.textContent = "";
      report(error);
    }
  }
}

const createItem = (...children) => create("li", {}, ...children);

function createRow({ id, kind, name, createdAt }) {
  const text = name === null ? `(no name) ${id}` : name.slice((place.folder ?? "").length + 1);
  const time = create("time", { dateTime: createdAt }, createdAt.slice(0, 16).replace("T", " "));
  const cells = [createLink(text, { asset: `${kind}/${id}` }), kind, time];
  return create("tr", {}, ...cells.map((cell) => create("td", {}, cell)));
}

const lists = {
  projects: new List("projects", ({ name }) => createItem(createLink(name, { project: name, prefix: "" }))),
  folders: new List("folders", ({ name }) =>
    createItem(createLink(name.split("/").pop(), { folder: name, glob: "", asset: "" })),
  ),
  episodes: new List("episodes", ({ name }) => createItem(createLink(name, { episode: name, asset: "" }))),
  assets: new List("assets", createRow),
};

/** Show the place of the fragment. */
async function show() {
  const before = place.asset;
  place = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  find("#problem").textContent = "";
  const { token } = sessionStorage;
  identify.hidden = Boolean(token);
  find("#identity").hidden = !token;
  try {
    if (token) identity ??= (await ask("auth/me"))[0];
  } catch (error) {
    report(error);
  }
  const { subject = "", namespaces = [] } = identity ?? {};
  find("#identity bdi").textContent = subject;
  if (identity && !namespaces.length) report(new Error("The subject of this token is in no namespace."));
  if (identity) place.namespace ??= (identity.namespace ?? namespaces[0])?.slug;
  const { namespace, project, episode, kind, folder = "", glob = "*" } = place;
  const within = identity && namespace && project && { namespace, project, episode };
  const pattern = `${folder.replace(/[\\*?[\]{}]/g, "\\$&")}/${glob.replace(/^\/+/, "")}`;
  const items = namespaces.map(({ slug, role }) => createItem(createLink(slug, { namespace: slug }), ` (${role})`));
  find("#namespaces .items").replaceChildren(...items);
  find("#namespaces").hidden = project || items.length < 2;
  lists.projects.show("assets/projects", identity && namespace && !project && { namespace, prefix: place.prefix });
  lists.folders.show("assets/folders", within && { ...within, parent: folder });
  lists.episodes.show("assets/episodes", within && { ...within, episode: "", glob: place.episodes });
  // No pattern matches assets without a name.
  lists.assets.show("assets", within && { ...within, kind, glob: pattern === "/**" ? "" : pattern });
  for (const control of findAll("section [name]")) control.value = place[control.name] ?? "";
  showPath();
  showAsset((identity && place.asset) ?? "");
  updateLinks();
  document.title = [folder, episode, project, namespace, "DreamLake assets"].filter(Boolean).join(" · ");
  // The focus must not get lost with a link that was removed.
  if (before && !place.asset) findAll(".items a").find((link) => link.changes.asset === before)?.focus();
  if (document.activeElement === document.body) nav.lastElementChild?.focus();
}

/** Show the way to the place: namespace, project, episode and folders. */
function showPath() {
  const { namespace, project, episode, folder = "" } = place;
  const inFolder = { glob: "", asset: "" };
  const inEpisode = { folder: "", ...inFolder };
  const inProject = { episode: "", ...inEpisode };
  const links = [];
  if (namespace) links.push(createLink(namespace, { project: "", episodes: "", ...inProject }));
  if (project) links.push(createLink(project, inProject));
  if (episode) links.push(createLink(episode, inEpisode));
  for (const { index, 0: segment } of folder.matchAll(/[^/]+/g)) {
    links.push(createLink(segment, { folder: folder.slice(0, index + segment.length), ...inFolder }));
  }
  nav.replaceChildren(...(identity ? links : []));
}

/** Show an asset, its fields and its bytes. */
async function showAsset(key) {
  if (article.dataset.key === key) return;
  article.dataset.key = key;
  article.hidden = !key;
  const [heading, links, preview, fields] = article.children;
  for (const part of article.children) part.replaceChildren();
  if (!key) return;
  heading.textContent = "Asset";
  links.append(createLink("Close", { asset: "" }));
  heading.focus();
  const isCurrent = () => article.dataset.key === key;
  try {
    const [asset] = await ask(`assets/${key}`);
    if (!isCurrent()) return;
    heading.textContent = asset.name ?? "Asset without a name";
    fields.append(...Object.entries(asset).flatMap(createField));
    const { namespace, project, id } = asset;
    const body = JSON.stringify({ namespace, project, items: [{ id }] });
    const [{ assets }] = await ask("assets/download", { method: "POST", body });
    const [{ url, error }] = assets;
    if (!isCurrent()) return;
    if (error) throw new Error(error);
    links.prepend(create("a", { href: url, rel: "noreferrer", target: "_blank" }, "Download"), " ");
    const isText = ["text-track", "label-track"].includes(asset.kind);
    const shown = isText ? await readText(url) : createPlayer(asset, url);
    if (isCurrent()) preview.append(shown);
  } catch (error) {
    if (isCurrent()) preview.append(create("p", {}, error.message));
  }
}

function createField([name, value]) {
  const text = value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : String(value ?? "none");
  return [create("dt", {}, name), create("dd", { className: value === null ? "none" : "" }, text)];
}

/** Create the element that plays or shows a file, if the browser can. */
function createPlayer({ kind, name }, url) {
  if (!PLAYERS[kind]) return "";
  const message = "The browser cannot show this file, or its URL has expired. For a new URL, reload the page.";
  const onerror = () => player.replaceWith(message);
  const label = name ?? "Asset without a name";
  const player = create(PLAYERS[kind], { controls: true, preload: "metadata", alt: label, ariaLabel: label, onerror });
  player.src = url;
  return player;
}

/** Read the first lines of a text, without the rest of the file. */
async function readText(url) {
  const response = await fetch(url).catch(() => {
    throw new Error(
      "The browser may not show this text here, but you can download it." +
        ` To show it, the bucket needs a CORS rule that allows GET from ${location.origin}.`,
    );
  });
  if (!response.ok) throw new Error(`The bucket answered ${response.status}. For a new URL, reload the page.`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let done = false;
  while (!done && text.length <= CHARACTERS && text.split("\n").length <= LINES) {
    const { value = "", ...chunk } = await reader.read();
    text += value;
    done = chunk.done;
  }
  reader.cancel();
  const shown = text.slice(0, CHARACTERS).split("\n").slice(0, LINES).join("\n");
  const note = done && shown === text ? "" : "The file continues.";
  return create("div", {}, create("pre", { tabIndex: 0, role: "region", ariaLabel: "Text" }, shown), note);
}

/** Forget the token and what it showed. */
function forget() {
  delete sessionStorage.token;
  identity = null;
  show();
  find("#token").focus();
}

identify.onsubmit = (event) => {
  event.preventDefault();
  // A whole header may be pasted, too.
  sessionStorage.token = find("#token").value.trim().replace(/^(authorization: *)?(bearer +)?/i, "");
  identify.reset();
  show();
};
find("#identity button").onclick = forget;
for (const form of findAll("section form")) {
  form.onsubmit = (event) => {
    event.preventDefault();
    location.hash = fragment({ ...Object.fromEntries(new FormData(form)), asset: "" });
  };
}
window.onhashchange = show;
show();
