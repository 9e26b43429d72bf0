/* Words of Korean and Latin text, reduced to what they are searched by. The same code reads the
   index and the query, so that 실험을, 실험에서 and 실험 meet, and runs and run. */
globalThis.handbookSearch ??= {};

(() => {
  "use strict";

  const TOKEN = /--[a-z][a-z0-9-]+|[a-z_][a-z0-9_]*|\d+(?:[.,]\d+)*|[가-힣]+/gi;
  const HANGUL = /^[가-힣]/;

  const longestFirst = (text) => text.split(/\s+/).sort((a, b) => b.length - a.length);
  const suffix = (endings) => new RegExp(`(?:${endings.join("|")})$`);

  const PARTICLES = longestFirst(`
    으로부터 에서부터 에서는 에서도 에서의 에게서 으로는 으로도 으로의 이라는 이라고 이라도 까지는
    까지도 부터는 에서 에게 한테 으로 로는 로도 로의 에는 에도 까지 부터 처럼 보다 마다 조차 밖에 이나
    이든 이란 라는 라고 라도 들을 들이 들은 들의 들 을 를 이 가 은 는 에 로 의 와 과 도 만 야 랑 이랑`.trim());
  const PARTICLE = suffix(PARTICLES);
  const ONE_SYLLABLE = new Set(PARTICLES.filter((particle) => particle.length === 1));

  const ENDINGS = longestFirst(`
    으려면 려면 으려고 려고 으면서 면서 으면 면 는데 은데 도록 어서 아서 어야 아야 어도 아도 습니다
    니다 나요 까요 세요 어요 아요 네요 지요 지만 지 고 며 게 기 는지 은지 는다 는 다 던 음 요 어 아 을 은 서
    으니 니까`.trim());
  const ENDING = new RegExp(`(?:었|았|겠)?(?:${ENDINGS.join("|")})$|(?:었|았|겠)$`);
  // The verbs that make a verb of a noun (삭제하다, 삭제되다), in all their forms.
  const DO = new RegExp(
    `(?:하였|되었|시키|[하되해돼한할함합했됐된될됨됩])(?:었|았|겠)?(?:${ENDINGS.join("|")})?$`,
  );

  const FIRST = 0xac00;
  const VOWELS = 21;
  const FINALS = 28;
  // Final consonants that a verb takes or loses when it is inflected: ㄴ ㄹ ㅁ ㅂ ㅆ.
  const INFLECTED = new Set([4, 8, 16, 17, 20]);
  // Vowels that an ending contracted: ㅝ -> ㅜ (지워), ㅘ -> ㅗ, ㅕ -> ㅣ (남겨), ㅙ -> ㅚ.
  const CONTRACTED = new Map([[14, 13], [9, 8], [6, 20], [10, 11]]);

  /** The last syllable as it stands before any ending: 지운, 지울, 지웠, 지워 -> 지우. */
  function soften(word) {
    const code = word.charCodeAt(word.length - 1) - FIRST;
    const final = code % FINALS;
    if (final && !INFLECTED.has(final)) return word;
    const vowel = Math.floor(code / FINALS) % VOWELS;
    const initial = Math.floor(code / FINALS / VOWELS);
    const open = CONTRACTED.get(vowel) ?? vowel;
    return word.slice(0, -1) + String.fromCharCode(FIRST + (initial * VOWELS + open) * FINALS);
  }

  // Words that say nothing of what is looked for. In a Korean book the English ones are rare, so
  // their rarity would speak for them.
  const stop = new Set(`
    어떻게 방법 왜 언제 뭐 무엇 뭐가 어디 어디서 어느 하나요 되나요 있나요 없나요 싶어요 싶은데 싶음 좀 알려줘 때 수
    것 거 게 줘 해 안 못 너무 자꾸 계속 갑자기 이렇게 그냥 이미 어떤 하는 되는 있는 있음 있는데 하는데 되는데 해야
    하는지 되는지 있는지 함 됨 안됨 법 걸 건 그 이 저 내 우리 다 또 더 잘 및 경우 이거 그거 같은 같이 만 쓰는 쓸 쓰고
    필요 필요해 필요한 필요한가 필요한지 하려면 하려고 하려는 되려면 하나 되나 나요 했는데 했더니 됐는데 좋은 좋을까 가능
    가능한가 가능한지 원인 해결 이유
    the a an is are was were be been being am do does did doing done can could how what why when where who which
    whose i me my mine we us our ours you your it its they them their this that these those there here to of in on
    at by for with without from into onto as if and or but not no nor so than then too very just only also both each
    any all some same such own other another after before while until again once ever never always still already has
    have had having will would should shall may might must get gets getting got make makes let s t don doesn didn isn
    im ve about above below up down out off over under between through during against because`.trim().split(/\s+/));

  function stemLatin(word) {
    const bare = word.replace(word.length > 4 ? /(?:ings?|ed|es|s|e)$/ : /(?<=...)s$/, "");
    return bare.length < 3 ? word : bare.replace(/(.)\1$/, "$1");
  }

  /** What a word is searched by, of all kinds of words. `nouns` are known words of one syllable. */
  class Analyser {
    constructor(nouns = new Set()) {
      this.nouns = nouns;
      this.known = new Map();
    }

    /** `{word, verb, parts}`: the word itself, its stem if it is a verb, the words it consists of. */
    analyse(text) {
      let found = this.known.get(text);
      if (!found) {
        found = HANGUL.test(text) ? this.korean(text) : latin(text);
        this.known.set(text, found);
      }
      return found;
    }

    korean(text) {
      const word = this.noun(text);
      const base = text.startsWith(word) && PARTICLE.test(text) ? word : text;
      const bare = base.replace(ENDING, "");
      return { word, verb: `~${soften(bare || base)}`, parts: [], korean: true };
    }

    noun(text) {
      const bare = text.replace(DO, "");
      if (bare.length > 1 && bare !== text) return bare;
      const base = text.replace(PARTICLE, "");
      if (base.length > 1) return base;
      return this.nouns.has(base) ? base : text;
    }
  }

  function latin(text) {
    const lower = text.toLowerCase().replace(/^--/, "").replaceAll(",", "");
    const words = text.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
    const parts = words.split(/[_-]+/).filter(Boolean).map(stemLatin);
    if (parts.length < 2) return { word: parts[0] ?? lower, verb: "", parts: [], korean: false };
    return { word: lower, verb: "", parts, korean: false };
  }

  Object.assign(handbookSearch, { Analyser, ONE_SYLLABLE, TOKEN, stop });
})();
