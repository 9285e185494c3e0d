/** What the provider is asked so that it is there: it answers with nothing. */
export const awake = "pgsite:index:awake";
