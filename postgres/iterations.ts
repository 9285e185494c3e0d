/**
 * The most iterations of SCRAM-SHA-256 that pgsite computes, some half a second's worth. The count is the server's to say: in
 * a verifier that pgsite reads, and at a login. It may be two billion, which takes a quarter of an hour.
 */
export const mostIterations = 1_000_000;
