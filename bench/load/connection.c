#include "connection.h"
#include "clock.h"
#include "message.h"
#include "request.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Larger than any frame of a peer: a frame that does not fit is an error, never a wait without end.
enum { READ_BYTES = 1 << 18, MAX_REQUEST = 8192, MAX_PACKET = 3072 };

static void watch(struct load *load, struct connection *connection, bool writable, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(load->epoll, operation, connection->fd, &event);
  connection->wants_write = writable;
}

// Loopback alone, by construction: no option names a host.
static struct sockaddr_in loopback(uint32_t host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xff000000u) | (host & 0x00ffffffu));
  return address;
}

// Several source addresses: one alone has no more than some 28,000 ports towards one server.
static void bind_source(struct load *load, int fd) {
  static uint32_t turn;
  if (load->options.sources < 2) return;
  int yes = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  struct sockaddr_in source = loopback(2 + turn++ % (uint32_t)load->options.sources, 0);
  if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0) perror("load: bind");
}

static int open_socket(struct load *load) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    perror("load: socket");
    return -1;
  }
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  bind_source(load, fd);
  struct sockaddr_in server = loopback(1, load->options.port);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

bool connection_start(struct load *load, struct connection *connection) {
  char request[MAX_REQUEST];
  connection->since_ns = now_ns();
  connection->attempt = load->attempts++;
  connection->fd = open_socket(load);
  if (connection->fd < 0) {
    load->counters.errors++;
    return false;
  }
  buffer_clear(&connection->in);
  buffer_clear(&connection->out);
  connection->close_sent = false;
  connection->state = CONNECTING;
  watch(load, connection, true, EPOLL_CTL_ADD);
  buffer_append(&connection->out, request, write_request(request, sizeof request, load, connection));
  return true;
}

void connection_queue(struct connection *connection, enum opcode opcode, const void *payload, size_t length) {
  uint8_t frame[MAX_FRAME_OUT + FRAME_OVERHEAD];
  if (length > MAX_FRAME_OUT) return;
  buffer_append(&connection->out, frame, write_frame(frame, opcode, payload, length));
}

void connection_flush(struct load *load, struct connection *connection) {
  struct buffer *out = &connection->out;
  if (connection->fd < 0 || out->used == 0) return;
  // a failed send is heard of again as an event of the socket
  ssize_t sent = send(connection->fd, out->bytes + out->taken, out->used - out->taken, MSG_NOSIGNAL);
  if (sent > 0) buffer_take(out, (size_t)sent);
  bool more = out->used > 0;
  if (more != connection->wants_write) watch(load, connection, more, EPOLL_CTL_MOD);
}

void connection_say(struct load *load, struct connection *connection) {
  size_t length;
  const char *message = stamped_message(&length);
  connection_queue(connection, OP_TEXT, message, length);
  connection_flush(load, connection);
}

void connection_say_goodbye(struct load *load, struct connection *connection) {
  static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};
  if (connection->close_sent) return;
  connection->close_sent = true;
  connection_queue(connection, OP_CLOSE, normal, sizeof normal);
  connection_flush(load, connection);
}

void connection_drop(struct load *load, struct connection *connection) {
  if (connection->fd >= 0) close(connection->fd);
  if (connection->state == READY) load->ready--;
  connection->fd = -1;
  connection->state = IDLE;
}

static bool gone(struct load *load, struct connection *connection, enum why why) {
  load->behaviour->gone(load, connection, why);
  return false;
}

// A Close before the welcome is a refusal, said with a code.
static bool on_close(struct load *load, struct connection *connection, const struct frame *frame) {
  load->last_close = frame->length >= 2 ? frame->payload[0] << 8 | frame->payload[1] : 1005;
  // our Close is out already: the server ends the connection, which is the end of a clean exchange
  if (connection->close_sent) return true;
  connection_say_goodbye(load, connection);
  return gone(load, connection, connection->state == OPENING ? REFUSED : CLOSED);
}

// Engine.IO and Socket.IO packets, as far as a chat needs them; true when the frame holds an event.
static bool is_socketio_event(struct load *load, struct connection *connection, const struct frame *frame) {
  char packet[MAX_PACKET];
  const uint8_t *text = frame->payload;
  if (frame->length == 0) return false;
  if (text[0] == '0') {
    size_t length = write_socketio_connect(packet, sizeof packet, load, connection);
    connection_queue(connection, OP_TEXT, packet, length);
  }
  if (text[0] == '2') connection_queue(connection, OP_TEXT, "3", 1);
  return frame->length > 1 && text[0] == '4' && text[1] == '2';
}

static bool is_socketio_refusal(const struct frame *frame) {
  return frame->length > 1 && frame->payload[0] == '4' && frame->payload[1] == '4';
}

// The first message is the welcome: only now has the server let this connection in.
static void hand_over(struct load *load, struct connection *connection, const struct frame *frame) {
  if (connection->state == OPENING) {
    connection->state = READY;
    load->ready++;
    load->behaviour->ready(load, connection);
  } else if (connection->state == READY) {
    load->received++;
    load->behaviour->message(load, connection, frame->payload, frame->length);
  }
}

static bool on_message(struct load *load, struct connection *connection, const struct frame *frame) {
  bool socketio = load->options.socketio;
  if (socketio && is_socketio_refusal(frame)) {
    connection_say_goodbye(load, connection);
    return gone(load, connection, REFUSED);
  }
  if (!socketio || is_socketio_event(load, connection, frame)) hand_over(load, connection, frame);
  return true;
}

// False when the connection is gone.
static bool on_frame(struct load *load, struct connection *connection, const struct frame *frame) {
  switch (frame->opcode) {
    case OP_TEXT:
    case OP_BINARY:
      return on_message(load, connection, frame);
    case OP_CLOSE:
      return on_close(load, connection, frame);
    case OP_PING:
      connection_queue(connection, OP_PONG, frame->payload, frame->length);
      return true;
    case OP_PONG:
      return true;
    default:
      return gone(load, connection, BROKEN);
  }
}

// Reads the answer to the upgrade: its size when it is a 101, 0 while it is incomplete, -1 when the
// connection is gone.
static ssize_t read_answer(struct load *load, struct connection *connection, const uint8_t *bytes,
                           size_t count) {
  const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  int status = count > 12 ? atoi((const char *)bytes + 9) : 0;
  if (status != 101) {
    load->last_http = status;
    gone(load, connection, REFUSED);
    return -1;
  }
  connection->state = OPENING;
  return end + 4 - bytes;
}

// Works through received bytes; answers how many, or -1 when the connection is gone.
static ssize_t consume(struct load *load, struct connection *connection, const uint8_t *bytes, size_t count) {
  size_t at = 0;
  if (connection->state == UPGRADING) {
    ssize_t answer = read_answer(load, connection, bytes, count);
    if (answer <= 0) return answer;
    at = (size_t)answer;
  }
  struct frame frame;
  enum parsed parsed;
  while ((parsed = read_frame(bytes + at, count - at, &frame)) == FRAME_WHOLE) {
    if (!on_frame(load, connection, &frame)) return -1;
    at += frame.whole;
  }
  if (parsed == FRAME_PARTIAL) return (ssize_t)at;
  gone(load, connection, BROKEN);
  return -1;
}

// Nothing came: not yet, or never again.
static void on_nothing(struct load *load, struct connection *connection, bool failed) {
  if (failed && (errno == EAGAIN || errno == EINTR)) return;
  bool before_welcome = connection->state == UPGRADING || connection->state == OPENING;
  gone(load, connection, !before_welcome ? CLOSED : failed ? RESET : REFUSED);
}

// One buffer for all: what a connection has left over from its last read is put in front.
static void on_readable(struct load *load, struct connection *connection) {
  static uint8_t bytes[READ_BYTES];
  size_t left_over = connection->in.used;
  if (left_over == sizeof bytes) {
    gone(load, connection, BROKEN);
    return;
  }
  if (left_over > 0) memcpy(bytes, connection->in.bytes, left_over);
  ssize_t received = recv(connection->fd, bytes + left_over, sizeof bytes - left_over, 0);
  if (received <= 0) {
    on_nothing(load, connection, received < 0);
    return;
  }
  size_t count = left_over + (size_t)received;
  ssize_t consumed = consume(load, connection, bytes, count);
  if (consumed < 0) return;
  buffer_clear(&connection->in);
  buffer_append(&connection->in, bytes + consumed, count - (size_t)consumed);
  connection_flush(load, connection);
}

static void on_connected(struct load *load, struct connection *connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    gone(load, connection, UNREACHABLE);
    return;
  }
  connection->state = UPGRADING;
  connection_flush(load, connection);
}

void connection_event(struct load *load, struct connection *connection, uint32_t events) {
  if (connection->fd < 0) return;
  if (connection->state == CONNECTING) {
    on_connected(load, connection);
    return;
  }
  if (events & EPOLLOUT) connection_flush(load, connection);
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(load, connection);
}
