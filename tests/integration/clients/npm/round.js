// A round of work with Chroma's JavaScript client, told as one JSON object; test_npm.py knows what it should say.
import { ChromaClient } from "chromadb";

const { HOST, PORT, KEY, READ_ONLY_KEY } = process.env;
const connect = (key) => new ChromaClient({ host: HOST, port: Number(PORT), headers: { "x-chroma-token": key } });
const failure = async (work) => {
  try {
    await work();
    return "nothing went wrong";
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
};

const client = connect(KEY);
const told = { batch: await client.getMaxBatchSize(), base64: await client.supportsBase64Encoding() };
const fruit = await client.createCollection({
  name: "fruit",
  metadata: { of: "us" },
  configuration: { hnsw: { space: "cosine" } },
  embeddingFunction: null,
});
await fruit.add({
  ids: ["a", "b", "c"],
  embeddings: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  documents: ["one red apple", "two green pears", "three red plums"],
  metadatas: [{ n: 1, tags: ["red"] }, { n: 2, tags: ["green"] }, { n: 3, tags: ["red", "ripe"] }],
});
told.count = await fruit.count();
const page = await fruit.get({ limit: 2, offset: 1, include: ["documents", "embeddings", "metadatas"] });
told.page = { ids: page.ids, documents: page.documents, embeddings: page.embeddings, metadatas: page.metadatas };
told.peek = (await fruit.peek({ limit: 1 })).ids;
const found = await fruit.query({ queryEmbeddings: [[1, 0.1, 0], [0, 0, 1]], nResults: 1 });
told.found = { ids: found.ids, documents: found.documents };
const filters = [
  { where: { n: { $gte: 2 } } },
  { where: { tags: { $contains: "red" } } },
  { whereDocument: { $contains: "green" } },
  { where: { $and: [{ n: { $lt: 3 } }, { n: { $ne: 1 } }] }, whereDocument: { $regex: "^two" } },
];
told.filtered = [];
for (const filter of filters) {
  const answer = await fruit.query({ queryEmbeddings: [[1, 1, 1]], nResults: 3, ...filter });
  told.filtered.push(answer.ids[0].sort());
}
await fruit.update({ ids: ["a"], documents: ["no apple"], embeddings: [[1, 0, 0]] });
await fruit.upsert({ ids: ["c", "d"], embeddings: [[0, 0, 2], [1, 1, 1]], documents: ["c!", "d!"] });
await fruit.delete({ ids: ["b"] });
await fruit.delete({ whereDocument: { $contains: "d!" } });
told.left = (await fruit.get()).documents;
await fruit.modify({ name: "renamed", metadata: { of: "them" } });
told.renamed = (await client.getOrCreateCollection({ name: "renamed", embeddingFunction: null })).id === fruit.id;
told.listed = (await client.listCollections()).map((each) => each.name);
told.collections = await client.countCollections();

told.refused = {
  unknown: await failure(() => connect("unknown").listCollections()),
  reader: await failure(() => connect(READ_ONLY_KEY).deleteCollection({ name: "renamed" })),
  missing: await failure(() => client.getCollection({ name: "missing" })),
  taken: await failure(() => client.createCollection({ name: "renamed", embeddingFunction: null })),
  dimension: await failure(() => fruit.upsert({ ids: ["e"], embeddings: [[1]] })),
  batch: await failure(() => fruit.upsert({ ids: [...Array(26).keys()].map(String), embeddings: Array(26).fill([1, 0, 0]) })),
};
await client.deleteCollection({ name: "renamed" });
told.gone = await failure(() => fruit.count());
console.log(JSON.stringify(told));
