// The peer mockttp: node mockttp_peer.js FOLDER PORT
// One rule for all files: a rule per file is a fifth slower.

const fs = require("fs");
const net = require("net");
const path = require("path");
const mockttp = require("mockttp");

const [folder, port] = process.argv.slice(2);

// mockttp listens on every address; here nothing but loopback is to be reached.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (number, ...rest) {
  return listen.call(this, number, "127.0.0.1", ...rest);
};

const files = {};
for (const name of fs.readdirSync(folder, { recursive: true })) {
  const file = path.join(folder, name);
  if (fs.statSync(file).isFile()) {
    files["/" + name.split(path.sep).join("/")] = fs.readFileSync(file);
  }
}

(async () => {
  const server = mockttp.getLocal({ recordTraffic: false });
  await server.forGet(/^\/flags\//).thenCallback((request) => ({
    statusCode: 200,
    // Without a length it would close the connection after every reply.
    headers: { "content-type": "image/gif", "content-length": `${files[request.path].length}` },
    rawBody: files[request.path],
  }));
  await server.start(Number(port));
})();
