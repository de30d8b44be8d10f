// What a lifecycle policy does, and when: a line for each rule, a dot for each
// day on which it acts.

function drawTimeline(due, from, until, width) {
  const left = width < 500 ? 58 : 80;
  const right = 34;
  const rowHeight = 46;
  const priorities = [...new Set(due.map((one) => one.rule))].sort((a, b) => a - b);
  const axis = priorities.length * rowHeight + 8;
  const span = Math.max(until - from, 24 * 3600e3);
  const x = (time) => left + (Math.max(0, Math.min(1, (time - from) / span)) * (width - left - right));
  const most = Math.max(...due.map((one) => one.images));
  const nodes = [];
  priorities.forEach((priority, i) => {
    const y = i * rowHeight + rowHeight / 2 + 6;
    nodes.push(svg("line", { class: "rail", x1: left, x2: width - right, y1: y, y2: y }), svg("text", { class: "main", x: 0, y: y + 4 }, `rule ${priority}`));
    let free = -Infinity; // where the next number has room
    for (const one of due.filter((other) => other.rule === priority)) {
      const at = x(Date.parse(one.at));
      const radius = 4 + 9 * Math.sqrt(one.images / most);
      nodes.push(titled(svg("circle", { class: `due ${one.action}`, cx: at, cy: y, r: radius }), dueText(one)));
      const text = number(one.images);
      if (at - (text.length * letter) / 2 > free) {
        nodes.push(svg("text", { class: "sub", x: at, y: y - radius - 3, "text-anchor": "middle" }, text));
        free = at + (text.length * letter) / 2 + 4;
      }
    }
  });
  nodes.push(svg("line", { class: "axis", x1: left, x2: width - right, y1: axis, y2: axis }));
  const ticks = Math.max(2, Math.min(6, Math.floor((width - left - right) / 100)));
  for (let i = 0; i <= ticks; i++) {
    const time = from + (span * i) / ticks;
    const text = i === 0 ? "now" : new Date(time).toISOString().slice(0, 10);
    nodes.push(svg("line", { class: "axis", x1: x(time), x2: x(time), y1: axis, y2: axis + 4 }),
      svg("text", { class: "sub", x: Math.min(x(time), width - 36), y: axis + 17, "text-anchor": i === 0 ? "start" : "middle" }, text));
  }
  return { height: axis + 24, nodes };
}

function dueText(due) {
  const tags = due.tags?.length > 0 ? `, e.g. ${due.tags.join(", ")}` : "";
  return `${day(due.at)}: rule ${due.rule} would ${due.action} ${count(due.images, "image", "images")} (${bytes(due.bytes)})${tags}`;
}

function lifecycleSection(lifecycle) {
  if (!lifecycle.present && !lifecycle.problems?.length) return [el("p", { class: "says" }, "There is no lifecycle policy: nothing ever expires.")];
  const due = lifecycle.timeline ?? [];
  const from = Date.parse(run.clock);
  const known = isTime(lifecycle.horizon);
  const until = known ? Date.parse(lifecycle.horizon) : from;
  return [
    lifecycle.problems?.length > 0 && el("ul", { class: "problems warning" }, lifecycle.problems.map((text) => el("li", {}, text))),
    lifecycle.rules?.length > 0 && el("ul", { class: "rules-in-words" }, lifecycle.rules.map((text) => el("li", {}, text))),
    !known && el("p", { class: "alarm" }, "What the rules act on, and when, is not known: the images were not read, or the policy is not valid."),
    due.length > 0 && [
      drawing(`What the rules act on when: ${count(due.length, "day", "days")} of rules, listed below`, (width) => drawTimeline(due, from, until, width)),
      legend(["due-expire", "expire"], ["due-archive", "archive"]),
      el("details", {}, el("summary", {}, "The timeline as a table"), grid(["Day", "Rule", "Does", "Images", "Size", "Tags, for example"],
        due.map((one) => [Date.parse(one.at) <= from ? `${day(one.at)} (due now)` : day(one.at), String(one.rule), one.action, number(one.images), bytes(one.bytes), (one.tags ?? []).join(", ")]),
        { label: "Timeline", numeric: [3, 4] })),
    ],
    known && el("p", {}, due.length === 0 && "The rules act on nothing. ",
      `Nothing happens to ${count(lifecycle.stay, "image", "images")} until ${day(lifecycle.horizon)}, as long as nothing is pushed or pulled.`,
      lifecycle.undecided > 0 && [" ", el("strong", { class: "alarm" }, `Of ${count(lifecycle.undecided, "image", "images")} it cannot be said.`)]),
  ];
}
