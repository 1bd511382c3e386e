const libraries = {
  brotli: "type.googleapis.com/envoy.extensions.compression.brotli.compressor.v3.Brotli",
  zstd: "type.googleapis.com/envoy.extensions.compression.zstd.compressor.v3.Zstd",
  gzip: "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip",
} as const;

/** Filters that compress a page of statistics for whoever takes it so: thousands of lines that are nearly the same. */
export const compressors: readonly object[] = Object.entries(libraries).map(([name, type]) => ({
  name: `envoy.filters.http.compressor.${name}`,
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
    compressor_library: { name: `envoy.compression.${name}.compressor`, typed_config: { "@type": type } },
  },
}));
