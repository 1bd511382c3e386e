/** Cipher suites below TLS 1.3 that may be chosen, by OpenSSL's names, as Istio documents them. */
export const cipherSuites: readonly string[] = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-SHA",
  "AES256-SHA",
  "DES-CBC3-SHA",
];

/** Groups for the key exchange that Envoy's TLS library knows. */
export const ecdhCurves: readonly string[] = [
  "X25519",
  "P-256",
  "P-384",
  "P-521",
  "X25519MLKEM768",
  "X25519Kyber768Draft00",
];
