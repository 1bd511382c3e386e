export interface StringMatch {
  readonly kind: "exact" | "prefix" | "suffix" | "contains" | "regex";
  readonly value: string;
  readonly ignoreCase?: boolean;
}

/** Without `match` the header has to be present. */
export interface HeaderMatch {
  readonly name: string;
  readonly match?: StringMatch;
  readonly invert?: boolean;
  readonly missingIsEmpty?: boolean;
}

export interface QueryMatch {
  readonly name: string;
  readonly match?: StringMatch;
}
