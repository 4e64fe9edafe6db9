// What a threshold makes of the matches that the evaluation found; they hold at every threshold.
// The rules are those of mrcnn/evaluation/mistakes.py.

/** Return how many detections of a photo have this score or more; they come by falling score. */
function above(photo, threshold) {
  let low = 0;
  let high = photo.found.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (photo.found[middle].score >= threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Say of each detection and each object of a photo what became of it: `detections` and `objects`
 * are kinds, `partners` the object that each detection stands for (or null), `overlaps` with it.
 */
function judge(photo, threshold) {
  const count = above(photo, threshold);
  const detections = new Array(count).fill("false");
  const partners = new Array(count).fill(null);
  const overlaps = new Array(count).fill(null);
  const objects = photo.annotated.map((object) => (object.crowd ? "ignored" : "missed"));
  for (let index = 0; index < count; index += 1) {
    const found = photo.found[index];
    if (found.object !== undefined) {
      partners[index] = found.object;
      overlaps[index] = found.overlap;
      if (found.counted) {
        detections[index] = "right";
        objects[found.object] = "right";
      }
    }
    if (!found.counted) detections[index] = "ignored";
  }
  for (const [kind, places] of [["wrong_class", photo.other_class], ["poor", photo.near]]) {
    for (const [detection, object, overlap] of places) {
      const free = detection < count && detections[detection] === "false";
      if (!free || objects[object] !== "missed") continue;
      detections[detection] = kind;
      objects[object] = kind;
      partners[detection] = object;
      overlaps[detection] = overlap;
    }
  }
  return { detections, objects, partners, overlaps };
}

/** Count the kinds of a judged photo, of one class or (0) of all. */
function countKinds(photo, verdict, classId) {
  const counts = { right: 0, missed: 0, false: 0, poor: 0, wrong_class: 0 };
  const of = (id) => classId === 0 || id === classId;
  verdict.objects.forEach((kind, index) => {
    if (kind in counts && kind !== "wrong_class" && of(photo.annotated[index].class)) counts[kind] += 1;
  });
  verdict.detections.forEach((kind, index) => {
    const found = photo.found[index].class;
    if (kind === "false" && of(found)) counts.false += 1;
    if (kind === "wrong_class") {
      const object = photo.annotated[verdict.partners[index]].class;
      if (of(found) || of(object)) counts.wrong_class += 1;
    }
  });
  return counts;
}

/** How much is wrong: 1 for each object that was not found, and for each wrong detection its score. */
function wrongness(photo, verdict, classId) {
  let weight = 0;
  verdict.objects.forEach((kind, index) => {
    const of = classId === 0 || photo.annotated[index].class === classId;
    if (of && kind !== "right" && kind !== "ignored") weight += 1;
  });
  verdict.detections.forEach((kind, index) => {
    const of = classId === 0 || photo.found[index].class === classId;
    if (of && kind !== "right" && kind !== "ignored") weight += photo.found[index].score;
  });
  return weight;
}

/** Precision, recall and F1 of a class, or (0) of all classes together, over the threshold. */
class Curve {
  constructor(photos, classId) {
    const rows = [];
    this.objects = 0;
    for (const photo of photos) {
      for (const found of photo.found) {
        if (!found.counted || (classId !== 0 && found.class !== classId)) continue;
        rows.push([found.score, found.object !== undefined]);
      }
      for (const object of photo.annotated) {
        if (!object.crowd && (classId === 0 || object.class === classId)) this.objects += 1;
      }
    }
    rows.sort((one, other) => other[0] - one[0]);
    this.scores = rows.map((row) => row[0]);
    let hits = 0;
    this.hits = rows.map((row) => (hits += row[1] ? 1 : 0));
  }

  /** The figures of the first `count` detections. */
  figures(count) {
    const hits = count ? this.hits[count - 1] : 0;
    const { objects } = this;
    return {
      detections: count,
      hits,
      objects,
      precision: count ? hits / count : NaN,
      recall: objects ? hits / objects : NaN,
      f1: count + objects ? (2 * hits) / (count + objects) : NaN,
    };
  }

  at(threshold) {
    let low = 0;
    let high = this.scores.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.scores[middle] >= threshold) low = middle + 1;
      else high = middle;
    }
    return this.figures(low);
  }

  /** One point for each distinct score, by falling threshold. */
  points() {
    const { scores } = this;
    const points = [];
    scores.forEach((score, index) => {
      if (score !== scores[index + 1]) points.push({ threshold: score, ...this.figures(index + 1) });
    });
    return points;
  }
}
