/** What `pgsite page` puts together, below the checkout: script, style, template. */
export const pageFiles: readonly string[];

/** Builds the page. */
export declare function buildPage(): Promise<void>;
