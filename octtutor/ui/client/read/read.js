// The tab Read a scan: takes files in, draws what the server answers; see octtutor/ui/read/views.py.
import {
  connectButtons,
  fill,
  finder,
  isShown,
  make,
  toggleFull,
  writeTexts,
} from "../shared/dom.js";
import { isControls, isHeldWith, isTyping } from "../shared/keys.js";
import { Transport } from "../shared/transport.js";
import { Viewer } from "../shared/viewer.js";
import { percent, titleOf } from "../shared/wording.js";
import { pickScans } from "./picking.js";

const PATIENCE_MS = 300000;

/**
 * Fill the component.
 * @param {import("../shared/dom.js").Component} component
 */
export function start({ element, props, trigger, watch }) {
  const LESSONS = props.lessons;
  const T = LESSONS.texts;
  const find = finder(element);
  /** @param {string} selector @returns {any[]} */
  const all = (selector) => [...element.querySelectorAll(selector)];
  const root = find(".read");
  const stages = all(".stage");

  /** @type {any} */
  let view = { phase: "start" };
  let shown = ["", ""]; // the class whose map is on each side
  /** @type {any} */
  let turning;
  /** @type {MediaStream | null} */
  let camera = null;
  const transport = new Transport(trigger);
  const viewer = new Viewer(element, { size: () => ({ width: view.width, height: view.height }) });

  const isOpen = () => root.dataset.phase === "read";
  const isVisible = () => isShown(root);
  const pairs = () => find(".pairing").checked;
  /** The diagnoses of the model that has answered, in its order. @returns {string[]} */
  const labels = () => Object.keys(view.answer.probabilities);
  /** A node in the colour of a diagnosis. @param {any} node @param {string} label */
  const tinted = (node, label) => {
    const colour = view.lessons.colours[label];
    if (colour) node.style.setProperty("--class", colour);
    return node;
  };
  const isStrange = () => root.classList.contains("strange-scan");

  function build() {
    writeTexts(element, T);
    find(".method").append(
      ...LESSONS.methods.map(([key, title]) => {
        const option = make("option", "", title);
        option.value = key;
        return option;
      }),
    );
    find(".from-url").hidden = !props.urls;
    find("[data-do=full]").hidden = !document.fullscreenEnabled;
    connectButtons(element, actions);
    for (const name of ["split", "opacity", "show-map", "jet"])
      find(`.${name}`).addEventListener("input", drawMaps);
    find(".pairing").addEventListener("input", () => {
      drawMaps();
      viewer.showWhole();
      drawApart();
    });
    find(".method").addEventListener("change", () => ask("release"));
    find(".item").addEventListener("change", () => {
      const item = view.items[Number(find(".item").value)];
      find(".slice").max = item.count - 1;
      find(".slice").value = item.middle;
      ask("select");
    });
    find(".slice").addEventListener("input", () => {
      saySlice();
      clearTimeout(turning);
      turning = setTimeout(() => ask("select"), 250);
    });
    find(".from-url").addEventListener("submit", (event) => {
      event.preventDefault();
      const url = find(".url").value.trim();
      if (url) send("submit", { url }, T.reading);
    });
    for (const name of [".pick", ".pick-folder"])
      find(name).addEventListener("change", (event) => {
        give([...event.target.files]);
        event.target.value = "";
      });
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      find(".drop").classList.add("over");
    });
    root.addEventListener("dragleave", () => find(".drop").classList.remove("over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      find(".drop").classList.remove("over");
      give([...event.dataTransfer.files]);
    });
  }

  // ---- giving scans ----------------------------------------------------------------------
  /** @param {any[]} files */
  async function give(files) {
    if (isBusy() || !files.length) return;
    const { scans, fault: wrong } = pickScans(files, props, T);
    if (wrong) {
      fault(wrong);
      return;
    }
    fault("");
    setBusy(true);
    /** @type {any[]} */
    const paths = [];
    try {
      for (const file of scans) {
        say(
          fill(T.sending, { n: paths.length + 1, total: scans.length }),
          paths.length,
          scans.length,
        );
        paths.push(...(await upload_(file)));
      }
    } catch {
      setBusy(false);
      say("");
      fault(T.not_sent);
      return;
    }
    send("submit", { files: paths }, T.reading);
  }

  async function upload_(file) {
    const form = new FormData();
    form.append("files", file, file.name || "scan.png");
    const answer = await fetch(new URL("gradio_api/upload", document.baseURI), {
      method: "POST",
      body: form,
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function onPaste(event) {
    if (!isVisible() || !event.clipboardData) return;
    const files = [...event.clipboardData.files];
    const text = event.clipboardData.getData("text").trim();
    if (files.length) {
      event.preventDefault();
      give(files);
    } else if (
      props.urls &&
      root.dataset.phase === "start" &&
      /^https?:\/\//i.test(text) &&
      event.target !== find(".url")
    ) {
      event.preventDefault();
      send("submit", { url: text }, T.reading);
    }
  }

  async function openCamera() {
    try {
      camera = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1920 } },
      });
    } catch {
      fault(T.no_camera);
      return;
    }
    find(".shutter").hidden = false;
    find(".drop").hidden = true;
    find("video").srcObject = camera;
    find("video").play();
  }

  function closeCamera() {
    if (camera) camera.getTracks().forEach((track) => track.stop());
    camera = null;
    find(".shutter").hidden = true;
    find(".drop").hidden = false;
  }

  function shoot() {
    const video = find("video");
    if (!video.videoWidth) return;
    const canvas = make("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    closeCamera();
    canvas.toBlob(
      (blob) => give([new File([blob], "camera.png", { type: "image/png" })]),
      "image/png",
    );
  }

  // ---- talking to the server -------------------------------------------------------------
  const isBusy = () => root.classList.contains("working");

  function setBusy(busy) {
    root.classList.toggle("working", busy);
    root.setAttribute("aria-busy", String(busy));
    for (const node of all(
      "[data-do=files], [data-do=folder], [data-do=camera], [data-do=another], .from-url button, .method, .item",
    ))
      node.disabled = busy;
  }

  function say(text, done, total) {
    find(".note").textContent = text || "";
    const bar = find("progress");
    bar.hidden = !total;
    if (total) {
      bar.max = total;
      bar.value = done;
    }
  }

  function fault(text) {
    find(".fault").hidden = !text;
    find(".fault").textContent = text;
  }

  function send(event, data, note) {
    fault("");
    setBusy(true);
    say(note);
    transport.send(event, data, PATIENCE_MS, giveUp);
  }

  function giveUp() {
    if (!isBusy()) return;
    setBusy(false);
    say("");
    fault(T.offline);
  }

  function ask(event) {
    if (!isOpen()) return;
    const wanted = {
      item: Number(find(".item").value),
      slice: Number(find(".slice").value),
      method: find(".method").value || null,
    };
    send(event, wanted, T.reading);
  }

  // ---- what the server sends -------------------------------------------------------------
  /** @param {any} next */
  function draw(next) {
    if (!next || !next.phase) return;
    transport.heard();
    if (next.phase === "fault") {
      settled(next.fault);
      keepChoice();
      return;
    }
    const was = view;
    view = next.phase === "read" && !next.scan ? { ...was, ...next } : next;
    root.dataset.phase = next.phase;
    if (next.phase === "read") drawRead(was);
    else {
      settled("");
      find(".left-out").hidden = true;
    }
  }

  /** Nothing is being done any more. @param {string} wrong */
  function settled(wrong) {
    setBusy(false);
    say("");
    fault(wrong);
  }

  /** @param {any} was the view before */
  function drawRead(was) {
    if (view.scan !== was.scan) drawOpened(was);
    if (!view.maps) {
      transport.expect(PATIENCE_MS, giveUp);
      return;
    }
    drawTrust();
    drawMaps();
    setBusy(false);
    say("");
  }

  /** @param {any} was the view before */
  function drawOpened(was) {
    drawScan(was.width === view.width && was.height === view.height && was.item === view.item);
    drawChoice();
    drawAnswer();
    drawLeftOut();
  }

  /** @param {boolean} keepZoom */
  function drawScan(keepZoom) {
    for (const stage of stages) {
      const scan = stage.querySelector(".scan");
      scan.src = view.scan;
      scan.alt = T.alt;
      stage.querySelector(".map").hidden = true;
      stage.style.setProperty("--aspect", view.width / view.height);
    }
    if (!keepZoom) viewer.showWhole();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
  }

  function drawChoice() {
    find(".volume").hidden = view.items.length < 2 && view.items[0].count < 2;
    find(".which").hidden = view.items.length < 2 && !view.items[0].kind;
    find(".item").replaceChildren(
      ...view.items.map((item, i) => {
        const option = make(
          "option",
          "",
          [item.name, item.kind, item.laterality].filter(Boolean).join(" · "),
        );
        option.value = i;
        return option;
      }),
    );
    keepChoice();
  }

  function keepChoice() {
    if (!view.items) return;
    find(".item").value = view.item;
    find(".slicer").hidden = view.items[view.item].count < 2;
    find(".slice").max = view.items[view.item].count - 1;
    find(".slice").value = view.slice;
    if (view.method) find(".method").value = view.method;
    saySlice();
  }

  function saySlice() {
    find(".slice-of").textContent = fill(T.slice_of, {
      n: Number(find(".slice").value) + 1,
      total: Number(find(".slice").max) + 1,
    });
  }

  function drawAnswer() {
    const answer = view.answer;
    const isUnread = ["other scan", "no scan"].includes(answer.verdict);
    root.classList.toggle("strange-scan", isUnread);
    find(".strange").hidden = !isUnread;
    find(".strange-why").textContent = isUnread ? answer.why : "";
    find(".unlike").hidden = answer.verdict !== "unlike";
    find(".unlike").textContent = isUnread ? "" : answer.why;
    find(".preparation").hidden = !answer.preparation.length;
    find(".preparation ul").replaceChildren(
      ...answer.preparation.map((text) => make("li", "", text)),
    );
    drawClasses();
    const ranked = labels().sort((a, b) => answer.probabilities[b] - answer.probabilities[a]);
    shown = [ranked[0], ranked[1]];
    const [title, between] = view.abstains;
    const likely = title ? shown : [answer.label];
    find(".abstains").hidden = !title;
    find(".abstains").replaceChildren(make("strong", "", title || ""), ` ${between || ""}`);
    find(".verdict").hidden = Boolean(title);
    find(".verdict").replaceChildren(
      tinted(make("span", "name", answer.label), answer.label),
      make("span", "number", percent(answer.probabilities[answer.label])),
      make("span", "full", nameBeside(answer.label)),
    );
    find(".chances tbody").replaceChildren(
      ...labels().map((label) => {
        const bar = tinted(make("span", "bar"), label);
        bar.style.width = `${Math.round(100 * answer.probabilities[label])}%`;
        const cell = make("td", "bars");
        cell.append(bar);
        const row = make("tr");
        row.append(
          make("td", "", label),
          cell,
          make("td", "number", percent(answer.probabilities[label])),
        );
        return row;
      }),
    );
    find(".model-line").textContent =
      `${fill(T.model, { name: answer.model })}. ${view.worth}${answer.familiar === null ? ` ${T.no_gauge}` : ""}`;
    find(".advice").replaceChildren(...likely.flatMap(adviceOn), make("p", "apart"));
    drawApart();
  }

  /** The full name, where it says more than the label. @param {string} label */
  const nameBeside = (label) => {
    const name = view.lessons.names[label] || "";
    return name.toLowerCase() === label.toLowerCase() ? "" : name;
  };

  function drawClasses() {
    all(".map-classes").forEach((box) =>
      box.replaceChildren(
        ...labels().map((label) => {
          const button = tinted(make("button", "map-class", label), label);
          button.type = "button";
          button.title = view.lessons.names[label] || "";
          button.dataset.mapClass = label;
          button.addEventListener("click", () => {
            shown[Number(box.dataset.side)] = label;
            drawMaps();
          });
          return button;
        }),
      ),
    );
  }

  function adviceOn(label) {
    const told = view.lessons;
    const head = make("h3", "", `${T.look_for}: ${titleOf(label, told.names[label] || "")}`);
    if (!told.look_for[label]) return [head, make("p", "", T.no_advice)];
    const list = make("dl");
    for (const [sign, where, look] of told.signs[label] || []) {
      list.append(make("dt", "", sign));
      if (where) list.append(make("dd", "", `${where[0].toUpperCase()}${where.slice(1)}. ${look}`));
    }
    const signs = make("details");
    signs.append(make("summary", "", T.signs), list);
    return [head, make("p", "", told.look_for[label]), ...(list.children.length ? [signs] : [])];
  }

  function drawApart() {
    const line = find(".apart");
    if (!line) return;
    const both = pairs() ? shown : [view.answer.label, shown[1]];
    const text = view.lessons.apart[[...new Set(both)].sort().join("|")];
    line.textContent = text || "";
  }

  function drawLeftOut() {
    const list = find(".left-out");
    list.hidden = !view.faults.length;
    list.replaceChildren(
      ...(view.faults.length
        ? [fill(T.left_out, { n: view.faults.length }), ...view.faults.slice(0, 20)]
        : []
      ).map((text) => make("li", "", text)),
    );
  }

  function drawTrust() {
    find(".method").value = view.method;
    find(".figures").replaceChildren(
      ...(view.trust.length ? view.trust : [T.trust_none]).map((line) => make("p", "hint", line)),
    );
  }

  const methodOf = () => LESSONS.methods.find(([key]) => key === view.method) || ["", "", ""];
  const mapsOf = () => view.maps && view.maps[find(".jet").checked ? "jet" : "inferno"];

  function drawMaps() {
    if (!isOpen()) return;
    const two = pairs() && !isStrange(),
      maps = mapsOf(),
      split = Number(find(".split").value);
    find(".stages").classList.toggle("two", two);
    stages[1].hidden = !two;
    all(".map-classes")[1].hidden = !two;
    stages.forEach((stage, side) => {
      const map = stage.querySelector(".map"),
        source = maps && maps[shown[side]],
        label = shown[side];
      map.hidden = !(find(".show-map").checked && source);
      if (source && map.src !== source) {
        map.src = source;
        map.alt = T.map_alt;
      }
      map.style.opacity = Number(find(".opacity").value) / 100;
      map.style.clipPath = `inset(0 ${100 - split}% 0 0)`;
      const caption = stage.querySelector("figcaption");
      tinted(caption, label);
      caption.textContent = two ? `${label} ${percent(view.answer.probabilities[label])}` : "";
    });
    const empty = maps
      ? (two ? shown : [shown[0]])
          .filter((label) => !maps[label])
          .map((label) => fill(T.no_evidence, { label }))
      : [];
    find(".map-note").textContent = [
      `${methodOf()[1]}: ${methodOf()[2]}.`,
      two ? T.compare_hint : "",
      ...empty,
    ]
      .filter(Boolean)
      .join(" ");
    all(".map-class").forEach((button) => {
      button.setAttribute(
        "aria-pressed",
        String(button.dataset.mapClass === shown[Number(button.parentNode.dataset.side)]),
      );
      button.disabled = !maps;
    });
    drawApart();
    viewer.fit();
    viewer.place();
  }

  // ---- downloads, made here --------------------------------------------------------------
  const fileTitle = () => {
    const item = view.items[view.item];
    return item.count > 1 ? `${item.name}-${view.slice + 1}` : item.name;
  };

  function save(blob, ending) {
    const link = make("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${fileTitle().replace(/\.[a-z0-9]+$/i, "")}-read.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function savePng() {
    const shownStages = stages.filter((stage) => !stage.hidden);
    const canvas = make("canvas"),
      line = Math.max(16, Math.round(view.height / 25));
    canvas.width = view.width * shownStages.length;
    canvas.height = view.height + 2 * line;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = `${Math.round(line * 0.7)}px system-ui, sans-serif`;
    shownStages.forEach((stage, i) => {
      const left = i * view.width,
        map = stage.querySelector(".map"),
        label = shown[stages.indexOf(stage)];
      pen.drawImage(stage.querySelector(".scan"), left, 0, view.width, view.height);
      if (!map.hidden) {
        pen.save();
        pen.beginPath();
        pen.rect(left, 0, (view.width * Number(find(".split").value)) / 100, view.height);
        pen.clip();
        pen.globalAlpha = Number(find(".opacity").value) / 100;
        pen.drawImage(map, left, 0, view.width, view.height);
        pen.restore();
      }
      pen.fillStyle = "#ddd";
      pen.fillText(
        `${T.map_for} ${label} ${percent(view.answer.probabilities[label])} · ${methodOf()[1]}`,
        left + 6,
        view.height + line * 0.8,
      );
    });
    pen.fillText(
      `${view.answer.label} · ${view.answer.model} · ${view.purpose}`,
      6,
      view.height + line * 1.8,
    );
    canvas.toBlob((blob) => save(blob, "png"), "image/png");
  }

  function saveJson() {
    const told = {
      source: view.items[view.item].name,
      slice: view.slice,
      slices: view.items[view.item].count,
      width: view.width,
      height: view.height,
      ...view.answer,
      method: view.method || null,
      program_version: view.version,
      purpose: view.purpose,
    };
    save(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }), "json");
  }

  /** @type {Record<string, () => void>} */
  const actions = {
    ...viewer.actions,
    files: () => find(".pick").click(),
    folder: () => find(".pick-folder").click(),
    camera: openCamera,
    shoot,
    cancel: closeCamera,
    anyway: () => {
      root.classList.remove("strange-scan");
      drawMaps();
    },
    another: () => send("clear", {}, ""),
    png: savePng,
    json: saveJson,
    full: () => toggleFull(root),
  };

  /** @param {number} by percent */
  function slide(by) {
    find(".split").value = Number(find(".split").value) + by;
    drawMaps();
  }

  function toggleMap() {
    find(".show-map").checked = !find(".show-map").checked;
    drawMaps();
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  function keyAction(event) {
    const does = viewer.keyAction(event);
    const own = {
      m: toggleMap,
      f: actions.full,
      arrowleft: () => slide(-10),
      arrowright: () => slide(10),
    };
    return does || own[event.key.toLowerCase()];
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (!document.contains(root)) {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("paste", onPaste);
      return;
    }
    if (!isVisible() || !isOpen() || isHeldWith(event)) return;
    if (isTyping(event.target) || isControls(event.target, event.key.toLowerCase())) return;
    const does = keyAction(event);
    if (does) {
      event.preventDefault();
      does();
    }
  }

  build();
  document.addEventListener("keydown", onKey);
  document.addEventListener("paste", onPaste);
  draw(props.value);
  watch("value", () => draw(props.value));
}
