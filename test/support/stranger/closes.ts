import { connect } from "node:net";

/**
 * A connection that is closed while what it sent is still to be read: `closes PORT`. The kernel lists such an end as root's.
 * More is sent than the other side takes unread, so that it hears nothing of the close either.
 */
const socket = connect({ host: "127.0.0.1", port: Number(process.argv[2]) }, () => {
  socket.write(Buffer.alloc(8 << 20));
  setTimeout(() => process.exit(), 200);
});
