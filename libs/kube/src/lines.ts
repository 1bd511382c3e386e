/** Splits a byte stream at newlines; a line may span any number of chunks and a chunk hold any number of lines. */
export async function* readLines(stream: AsyncIterable<unknown>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for await (const piece of stream) {
    let chunk = piece as Buffer;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10)) {
      parts.push(chunk.subarray(0, end));
      const line = Buffer.concat(parts).toString("utf8");
      parts = [];
      chunk = chunk.subarray(end + 1);
      if (line.trim() !== "") yield line;
    }
    if (chunk.length > 0) parts.push(chunk);
  }
  // What follows the last newline is a line the connection cut short; the watch resumes before it.
}
