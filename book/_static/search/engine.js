/* Finds the sections of the book that answer a query. Knows nothing of the page it runs in. */
(() => {
  "use strict";

  const { Analyser, ONE_SYLLABLE, TOKEN, stop } = handbookSearch;

  // Where a word of a section stands, each with its weight; the first three as in the index.
  // The last: the glossary leads there for it.
  const KINDS = ["text", "messages", "asked", "rest", "heading", "title", "linked"];
  const WEIGHTS = {
    text: 1.05, messages: 0.55, asked: 1.6, rest: 1.25, heading: 1.9, title: 1.5, linked: 4,
  };
  const bitOf = (kind) => 1 << KINDS.indexOf(kind);
  const WEIGHT_OF = Array.from({ length: 1 << KINDS.length }, (_, mask) =>
    KINDS.reduce((total, kind) => total + (mask & bitOf(kind) ? WEIGHTS[kind] : 0), 0),
  );
  const SATURATION = 8.1; // the weight at which a word counts half,
  const SAID = 3.4; // and, times that, all: how far the section says it
  const COVERED = 1.73; // the power by which a section counts that says more of the query
  const RARE = 0.5; // and that by which a rare word does
  const CLOSE = 1.16; // how much more a section counts whose whole heading is in the query,
  const WHOLE = 7; // nearly whole,
  const NAMED = 1.44; // and one whose heading says all of the query
  const NAME = 0.3; // the part of an API name in a heading, beside its words
  const PAGE = 1.1; // a page comes before a section that answers as well,
  const TROUBLE = 0.57; // and an error after a recipe
  // How much a match counts that is not the word itself.
  const LIKE = {
    verb: 0.85, synonym: 0.8, prefix: 0.7, inside: 0.6, typo: 0.6, piece: 0.8, elsewhere: 0.4, part: 0.35,
  };
  const LETTER = 0.3; // the weight of a single Latin letter,
  const NUMBER = 0.6; // and of a number: a status, a port, a version
  const ANSWERS = 0.45; // the share of a query that one of the
  const NEAREST = 3; // first sections has when the book answers it
  const PASTED = 15; // words of a query that nobody types
  const FEW = 10; // words of a query that may be those of another tool
  const PHRASE = 3; // words in the longest name of the glossary
  const CANDIDATES = 40; // words that one typed beginning may stand for
  const LONGEST = 60; // words of a query: of a pasted traceback, its end
  const STEP = 20; // sections read at a time
  const RERANKED = 300; // headings compared with the words of a query, in all

  class Engine {
    constructor(index) {
      this.index = index;
      this.sections = sectionsOf(index);
      this.postings = new Map(); // word -> the sections that have it, with weights
      this.analyser = new Analyser(new Set(index.nouns.filter((noun) => !ONE_SYLLABLE.has(noun))));
      this.expansions = new Map();
      this.shown = new Map(); // texts of results that were shown
      this.headings = [];
    }

    /** An engine that has read everything. */
    static read(index, rest) {
      const engine = new Engine(index);
      Array.from(engine.reading());
      Array.from(engine.readingRest(rest));
      return engine;
    }

    /** Reads what answers, in steps of a few milliseconds: so a page can do so between keys. */
    *reading() {
      this.readSynonyms(this.index.synonyms);
      this.readElsewhere(this.index.elsewhere);
      this.readLinked(this.index.linked);
      for (const [number, section] of this.sections.entries()) {
        this.headings.push(this.readSection(section, number));
        if (number % STEP === 0) yield;
      }
      yield* this.readingWords(this.index.words, 0);
      this.headings = this.headings.map((words) => this.weigh(words));
    }

    /** Reads the words of the rest of the sections, and what is shown of them below a heading. */
    *readingRest({ words, texts, messages }) {
      this.sections.forEach((section, number) => {
        section.text = texts[number];
        section.messages = messages[number] ? messages[number].split("\n") : [];
      });
      yield* this.readingWords(words, KINDS.indexOf("rest"));
      this.headings = this.headings.map(({ words }) => this.weigh(words));
    }

    /** Reads lines of words; their first column is of this kind. */
    *readingWords(lines, kind) {
      for (const [number, line] of lines.split("\n").entries()) {
        this.readWord(line, kind);
        if (number % (STEP * 10) === 0) yield;
      }
      for (const posting of this.postings.values()) posting.weigh();
      yield;
      this.vocabulary = [...this.postings.keys()].filter((word) => !/^[~@]/.test(word));
      this.spelled = `\n${this.vocabulary.join("\n")}\n`;
      this.letters = undefined;
      this.expansions.clear();
    }

    /** The words of each row of the glossary: `@0` stands for any of the first row. */
    readSynonyms(groups) {
      this.names = new Map(); // words, joined by a space -> groups
      this.openings = new Set(); // first words of names of several words
      const add = (key, group) => {
        if (!this.names.has(key)) this.names.set(key, new Set());
        this.names.get(key).add(`@${group}`);
      };
      groups.forEach((names, group) => {
        for (const name of names) {
          const words = this.wordsOf(name);
          add(words.map(({ word }) => word).join(" "), group);
          add(words.map(({ word }) => word).join(""), group); // 모델레지스트리
          if (words.length > 1) this.openings.add(words[0].word);
          else if (words[0].verb.length > 2) add(words[0].verb, group);
        }
      });
    }

    /** What other tools and everyday speech say for a row of the glossary: that a query alone is read by. */
    readElsewhere(rows) {
      this.elsewhere = new Map(); // words, joined by a space -> groups
      for (const [group, ...names] of rows)
        for (const name of names) {
          const key = this.wordsOf(name).map(({ word }) => word).join(" ");
          if (!this.elsewhere.has(key)) this.elsewhere.set(key, []);
          this.elsewhere.get(key).push(`@${group}`);
        }
    }

    /** The sections that each row of the glossary leads to. */
    readLinked(rows) {
      rows.forEach((places, group) => {
        for (const number of numbersOf(places)) this.posting(`@${group}`).add(number, bitOf("linked"));
      });
    }

    readSection(section, number) {
      const heading = this.readText(section.heading, number, bitOf("heading"));
      this.readText(section.page.title, number, bitOf("title"));
      return heading;
    }

    readText(text, number, bit) {
      const words = this.wordsOf(text);
      for (let place = 0; place < words.length; place += 1) {
        for (const posting of this.postingsOf(words[place])) posting.add(number, bit);
        for (const { group } of this.longNamesAt(words, place)) this.posting(group).add(number, bit);
      }
      return words;
    }

    postingsOf(found) {
      return (found.postings ??= this.termsOf(found).map((term) => this.posting(term)));
    }

    /** A line of the index: a word, or a name of the glossary, and where it stands. */
    readWord(line, first) {
      const [text, ...columns] = line.split("\t");
      const words = this.wordsOf(text);
      if (!words.length) return;
      const postings =
        words.length > 1
          ? this.longNamesAt(words, 0).map(({ group }) => this.posting(group))
          : this.postingsOf(words[0]);
      columns.forEach((places, column) => {
        for (const number of numbersOf(places))
          for (const posting of postings) posting.add(number, 1 << (first + column));
      });
    }

    wordsOf(text) {
      return (text.match(TOKEN) ?? []).map((word) => this.analyser.analyse(word));
    }

    /** Everything that one word is found by: itself, its stem, its parts, its row of the glossary. */
    termsOf(found) {
      if (!found.terms) {
        const { word, verb, parts } = found;
        const pieces = parts.map((part) => ({ word: part }));
        const ofPieces = pieces.flatMap((piece, place) => [
          ...(this.names.get(piece.word) ?? []),
          ...this.longNamesAt(pieces, place).map(({ group }) => group),
        ]);
        found.groups = [...(this.names.get(word) ?? []), ...(this.names.get(verb) ?? [])];
        found.own = [word, verb, ...found.groups].filter(Boolean);
        found.terms = [...new Set([...found.own, ...parts, ...ofPieces])];
      }
      return found.terms;
    }

    /** Names of several words in the glossary that start at this word. */
    longNamesAt(words, place) {
      return this.openings.has(words[place].word) ? namesAt(words, place, this.names, 2) : [];
    }

    posting(term) {
      let posting = this.postings.get(term);
      if (!posting) this.postings.set(term, (posting = new Posting()));
      return posting;
    }

    rarity(term) {
      const count = this.postings.get(term).kinds.size;
      return Math.log(1 + (this.sections.length - count + 0.5) / (count + 0.5));
    }

    /**
     * The best `limit` sections, best first: `{section, score, said}`, and what `marks` needs.
     * `said` is how much of the query a section has, from 0 to 1.
     */
    search(query, limit = 10) {
      const units = this.unitsOf(query);
      const scores = new Float64Array(this.sections.length);
      const covered = new Float64Array(this.sections.length);
      const said = new Float64Array(this.sections.length);
      let total = 0;
      for (const { terms, weight } of units) {
        const best = new Float64Array(this.sections.length);
        for (const [term, like] of terms) {
          const { sections, weights } = this.postings.get(term);
          for (let i = 0; i < sections.length; i += 1) {
            const value = (like * weights[i]) / (weights[i] + SATURATION);
            if (value > best[sections[i]]) best[sections[i]] = value;
          }
        }
        total += weight;
        best.forEach((value, number) => {
          if (value) said[number] += weight;
          scores[number] += weight * value;
          covered[number] += weight * Math.min(1, value * SAID);
        });
      }
      const asked = new Set(units.flatMap(({ terms }) => [...terms.keys()]));
      const found = [];
      scores.forEach((score, number) => {
        const value = score * (covered[number] / total) ** COVERED;
        if (score > 0) found.push({ number, said: said[number] / total, score: value });
      });
      const order = (a, b) => b.score - a.score || a.number - b.number;
      const first = found.sort(order).slice(0, RERANKED / units.length);
      for (const result of first) result.score *= this.prior(result.number, units, asked, total);
      return first
        .sort(order)
        .slice(0, limit)
        .map((result) => ({ ...result, section: this.sections[result.number], units, asked }));
    }

    /** Places `[start, end]` in a text that answer the query of a result. */
    marks(text, { asked }) {
      const { words, places } = this.readShown(text);
      const marks = [];
      words.forEach((found, place) => {
        const name = this.longNamesAt(words, place).find(({ group }) => asked.has(group));
        const last = places[place + (name?.length ?? 1) - 1];
        if (name || found.terms.some((term) => asked.has(term))) marks.push([places[place][0], last[1]]);
      });
      return marks;
    }

    /** Words of the query that stand in a section, but in none of these texts of it. */
    unseen(texts, { units, number }) {
      const words = texts.flatMap((text) => this.readShown(text).words);
      const isShown = ({ terms }) => words.some((found) => found.terms.some((term) => terms.has(term)));
      const isHere = (term) => this.postings.get(term).kinds.get(number) & ~bitOf("asked");
      const isWord = (term) => !/^[~@]/.test(term);
      return units
        .filter((unit) => !isShown(unit))
        .map(({ terms }) => [...terms.keys()].find((term) => isWord(term) && isHere(term)))
        .filter(Boolean);
    }

    /** Words of a text that results show, with their places. */
    readShown(text) {
      let read = this.shown.get(text);
      if (!read) {
        const matches = [...text.matchAll(TOKEN)];
        const words = matches.map(([word]) => this.analyser.analyse(word));
        const places = matches.map((match) => [match.index, match.index + match[0].length]);
        words.forEach((found) => this.termsOf(found));
        this.shown.set(text, (read = { words, places }));
      }
      return read;
    }

    /** How much a section counts for its heading: how far it is the query, how far it says it. */
    prior(number, units, asked, total) {
      const heading = this.headings[number];
      const inHeading = ({ terms }) => heading.words.some((w) => w.terms.some((t) => terms.has(t)));
      let close = 0;
      heading.words.forEach((found, place) => {
        if (found.own.some((term) => asked.has(term))) close += heading.weights[place];
      });
      const named = sum(units.filter(inHeading), (unit) => unit.weight) / total;
      const { anchor, error } = this.sections[number];
      return (1 + CLOSE * close ** WHOLE + NAMED * named) * (error ? TROUBLE : anchor ? 1 : PAGE);
    }

    /** The words of a heading, each with its share of what the heading says. */
    weigh(words) {
      const weights = words.map(({ word, parts }) => this.rarity(word) * (parts.length ? NAME : 1));
      const total = sum(weights, Number) || 1;
      return { words, weights: weights.map((weight) => weight / total) };
    }

    /** What the query asks for: each unit is a word with everything that counts as a match of it. */
    unitsOf(query) {
      const text = query.normalize("NFC");
      const typed = (text.match(TOKEN) ?? []).slice(-LONGEST);
      const words = typed.map((word) => this.analyser.analyse(word));
      const open = typed.length > 0 && text.endsWith(typed.at(-1)); // the last word is being typed
      words.forEach((found) => this.termsOf(found));
      const groups = words.map((found) => new Set(found.groups));
      const elsewhere = words.map(() => new Set());
      const spread = (sets, place) => ({ group, length }) => {
        for (let i = 0; i < length; i += 1) sets[place + i].add(group);
      };
      words.forEach((_, place) => {
        this.longNamesAt(words, place).forEach(spread(groups, place));
        if (words.length <= FEW) // a message has its own words
          namesAt(words, place, this.elsewhere, 1).forEach(spread(elsewhere, place));
      });
      const units = new Map();
      words.forEach((found, place) => {
        if (stop.has(typed[place].toLowerCase()) && words.length > 1) return;
        const last = place === words.length - 1;
        const meant = { groups: groups[place], elsewhere: elsewhere[place] };
        for (const unit of this.unitsOfWord(typed[place], found, meant, open && last))
          if (!units.has(unit.key)) units.set(unit.key, unit);
      });
      return [...units.values()];
    }

    unitsOfWord(text, found, { groups, elsewhere }, open) {
      const { word, verb, parts, korean } = found;
      const terms = this.existing([[word, 1], [verb, LIKE.verb], ...this.alike(groups)]);
      const known = terms.size > 0;
      for (const group of elsewhere)
        if (this.postings.has(group) && !terms.has(group)) terms.set(group, LIKE.elsewhere);
      if (open || !known || korean)
        for (const [term, like] of this.expand(word, korean, open, known))
          if (!terms.has(term)) terms.set(term, like);
      const share = /^\d/.test(word) ? NUMBER : word.length === 1 && !korean ? LETTER : 1;
      const units = terms.size ? [this.unit(word, terms, share)] : [];
      const pieces = korean && !this.postings.has(word) ? this.split(text) : parts;
      for (const piece of pieces) {
        const inside = this.existing([[piece, 1], ...this.alike(this.names.get(piece) ?? [])]);
        if (inside.size) units.push(this.unit(piece, inside, terms.size ? LIKE.part : LIKE.piece));
      }
      if (units.length) return units;
      // A word that the book lacks: nothing says it, so everything says less of the query.
      const rarest = Math.log(1 + 2 * (this.sections.length + 0.5)) ** RARE;
      return [{ key: word, terms: new Map(), weight: share * rarest }];
    }

    alike(groups) {
      return Array.from(groups, (group) => [group, LIKE.synonym]);
    }

    existing(terms) {
      return new Map(terms.filter(([term]) => this.postings.has(term)));
    }

    unit(key, terms, share) {
      const same = [...terms].filter(([, like]) => like >= LIKE.synonym);
      const counted = same.length ? same : [...terms];
      const rarities = counted.map(([term, like]) => like * this.rarity(term));
      return { key, terms, weight: share * (sum(rarities, Number) / rarities.length) ** RARE };
    }

    /** Words of the book that begin with this one, contain it, or are spelled nearly like it. */
    expand(word, korean, open, known) {
      const key = `${word} ${open} ${known}`;
      if (!this.expansions.has(key)) {
        const found = new Map();
        const begun = (open || !known) && (korean || word.length > 1);
        if (begun) this.collect(`\n${word}`, LIKE.prefix, found);
        if (korean && word.length > 1) this.collect(word, LIKE.inside, found);
        if (!known && !found.size) this.collectTypos(word, found);
        this.expansions.set(key, found);
      }
      return this.expansions.get(key);
    }

    collect(pattern, like, found) {
      let at = this.spelled.indexOf(pattern);
      for (let count = 0; at >= 0 && count < CANDIDATES; count += 1) {
        const start = this.spelled.lastIndexOf("\n", at) + 1;
        const end = this.spelled.indexOf("\n", start);
        const word = this.spelled.slice(start, end);
        if (!found.has(word)) found.set(word, like);
        at = this.spelled.indexOf(pattern, end);
      }
    }

    collectTypos(word, found) {
      const allowed = word.length < 4 ? 0 : word.length < 8 ? 1 : 2;
      if (!allowed) return;
      const letters = lettersOf(word);
      this.letters ??= Int32Array.from(this.vocabulary, lettersOf);
      for (let place = 0; place < this.letters.length; place += 1) {
        if (bits(letters ^ this.letters[place]) > 2 * allowed) continue;
        const other = this.vocabulary[place];
        if (Math.abs(other.length - word.length) > allowed) continue;
        if (distance(word, other, allowed) <= allowed) found.set(other, LIKE.typo);
      }
    }

    /** A compound taken apart into words of the book: 실험정하기 -> 실험, 정하기. */
    split(text) {
      const pieces = [];
      for (let start = 0; start < text.length; ) {
        let end = start ? text.length : text.length - 1;
        const word = () => this.analyser.analyse(text.slice(start, end)).word;
        while (end - start > 1 && !this.postings.has(word())) end -= 1;
        if (end - start > 1) pieces.push(word());
        start = Math.max(end, start + 1);
      }
      return pieces;
    }
  }

  /** Names of `shortest` to PHRASE words that start at this word, with their groups. */
  function namesAt(words, place, names, shortest) {
    const found = [];
    for (let length = Math.min(PHRASE, words.length - place); length >= shortest; length -= 1) {
      const key = words.slice(place, place + length).map(({ word }) => word).join(" ");
      for (const group of names.get(key) ?? []) found.push({ group, length });
    }
    return found;
  }

  function sum(items, value) {
    return items.reduce((total, item) => total + value(item), 0);
  }

  /** The sections that have a word, each with the weight of the places where it stands. */
  class Posting {
    constructor() {
      this.kinds = new Map(); // section -> bits
      this.sections = []; // until it is weighed: the search answers while the rest is read
      this.weights = [];
    }

    add(number, bit) {
      this.kinds.set(number, this.kinds.get(number) | bit);
    }

    /** Sections and weights, for searching, once all is read. */
    weigh() {
      this.sections = Int32Array.from(this.kinds.keys());
      this.weights = Float64Array.from(this.kinds.values(), (bits) => WEIGHT_OF[bits]);
    }
  }

  function sectionsOf(index) {
    const sections = [];
    for (const [address, part, count] of index.pages) {
      const page = { address, part, title: index.headings[sections.length] };
      for (let i = 0; i < count; i += 1) {
        const n = sections.length;
        const anchor = index.anchors[n];
        sections.push({
          page,
          anchor,
          address: anchor ? `${address}#${anchor}` : address,
          heading: index.headings[n],
          error: index.errors[n] === "1",
          text: "", // both come with the rest
          messages: [],
        });
      }
    }
    return sections;
  }

  /** Numbers of sections from the characters that stand for their distances. */
  function numbersOf(line) {
    const numbers = [];
    let number = -1;
    for (let i = 0; i < line.length; i += 1) {
      let code = line.charCodeAt(i);
      if (code >= 0xa1) code -= 0x22;
      if (code > 0x5c) code -= 1;
      number += code - 0x22;
      numbers.push(number);
    }
    return numbers;
  }

  /** The letters of a word as bits: one typing error changes two of them at most. */
  function lettersOf(word) {
    let letters = 0;
    for (let i = 0; i < word.length; i += 1) letters |= 1 << (word.charCodeAt(i) & 31);
    return letters;
  }

  function bits(number) {
    let count = 0;
    for (let rest = number; rest; rest &= rest - 1) count += 1;
    return count;
  }

  /** Typing errors between two words (Damerau-Levenshtein), given up beyond `most`. */
  function distance(a, b, most) {
    let before = [];
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i += 1) {
      const next = [i];
      for (let j = 1; j <= b.length; j += 1) {
        const same = a[i - 1] === b[j - 1] ? 0 : 1;
        next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
          next[j] = Math.min(next[j], before[j - 2] + 1);
      }
      if (Math.min(...next) > most) return most + 1;
      [before, row] = [row, next];
    }
    return row[b.length];
  }

  /**
   * Whether the best of what was found have too little of the query to answer it. Of a pasted
   * traceback no section has much.
   */
  function isMissing(found) {
    const best = found.slice(0, NEAREST);
    return !best.some(({ said, units }) => said >= ANSWERS || units.length > PASTED);
  }

  Object.assign(handbookSearch, { Engine, NEAREST, isMissing });
})();
