#define _GNU_SOURCE
#include "connection.h"

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

#include "clock.h"

struct pool pool;

static const struct target *target;
static const struct workload *workload;
static int epoll_fd;
static uint8_t chunk[1 << 18];

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static void buffer_put(struct buffer *buffer, const void *bytes, size_t length) {
  if (buffer->length + length > buffer->capacity) {
    buffer->capacity = (buffer->length + length) * 2 + 256;
    buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    if (buffer->bytes == NULL) fail("realloc");
  }
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}

static void watch(struct connection *connection, int operation, int wants_write) {
  struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(epoll_fd, operation, connection->fd, &event);
  connection->wants_write = wants_write;
}

void pool_open(const struct target *where, const struct workload *what, int size) {
  target = where;
  workload = what;
  pool.size = size;
  pool.connections = calloc((size_t)size, sizeof *pool.connections);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (pool.connections == NULL || epoll_fd < 0) fail("pool");
  for (int index = 0; index < size; index++) {
    pool.connections[index].fd = -1;
    pool.connections[index].index = index;
  }
}

void connection_drop(struct connection *connection) {
  if (connection->fd >= 0) close(connection->fd);
  if (connection->state == READY) pool.ready--;
  connection->fd = -1;
  connection->state = IDLE;
}

static void end(struct connection *connection, enum end why) {
  enum state before = connection->state;
  connection_drop(connection);
  workload->ended(connection, before, why);
}

void connection_flush(struct connection *connection) {
  struct buffer *out = &connection->out;
  if (connection->fd < 0 || out->length == connection->written) return;
  ssize_t sent = send(connection->fd, out->bytes + connection->written, out->length - connection->written, MSG_NOSIGNAL);
  if (sent > 0) connection->written += (size_t)sent;
  int rest = connection->written < out->length;
  if (!rest) connection->written = out->length = 0;
  if (rest != connection->wants_write) watch(connection, EPOLL_CTL_MOD, rest);
}

void connection_send(struct connection *connection, enum opcode opcode, const uint8_t *payload, size_t length) {
  uint8_t frame[FRAME_MAX_PAYLOAD + FRAME_MAX_HEADER];
  if (length > FRAME_MAX_PAYLOAD) length = FRAME_MAX_PAYLOAD;
  buffer_put(&connection->out, frame, frame_encode(frame, opcode, payload, length));
}

void connection_say_close(struct connection *connection) {
  static const uint8_t normal[2] = {0x03, 0xe8};
  if (connection->sent_close) return;
  connection->sent_close = 1;
  connection_send(connection, OP_CLOSE, normal, sizeof normal);
}

static const char *token_of(const struct connection *connection) {
  return target->token_count == 0 ? "" : target->tokens[connection->index % target->token_count];
}

// Fills {token} and {room} in.
static void fill(char *out, size_t capacity, const char *template, const struct connection *connection) {
  size_t length = 0;
  while (*template != 0 && length + 1 < capacity) {
    if (strncmp(template, "{token}", 7) == 0) {
      length += (size_t)snprintf(out + length, capacity - length, "%s", token_of(connection));
      template += 7;
    } else if (strncmp(template, "{room}", 6) == 0) {
      length += (size_t)snprintf(out + length, capacity - length, "r%d", connection->index % target->rooms);
      template += 6;
    } else {
      out[length++] = *template++;
    }
  }
  out[length < capacity ? length : capacity - 1] = 0;
}

static void put_request(struct connection *connection) {
  char path[4096], request[8192];
  fill(path, sizeof path, target->path, connection);
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        path, target->port);
  buffer_put(&connection->out, request, (size_t)length);
}

// Several loopback addresses, because one has no more than some 28,000 free ports towards one server.
static void bind_source(int fd) {
  static int next;
  int on = 1;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(next++ % target->sources));
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) fail("bind");
}

int connection_start(struct connection *connection) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target->port)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (target->sources > 1) bind_source(fd);
  connection->in.length = connection->out.length = connection->written = 0;
  connection->sent_close = 0;
  connection->since_ns = now_ns();
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  connection->fd = fd;
  connection->state = CONNECTING;
  watch(connection, EPOLL_CTL_ADD, 1);
  put_request(connection);
  return 0;
}

static void become_ready(struct connection *connection) {
  connection->state = READY;
  pool.ready++;
  workload->ready(connection);
}

// Engine.IO and Socket.IO packets inside text frames. Answers 1 when the packet is a message of the application.
static int socket_io_packet(struct connection *connection, const uint8_t *payload, size_t length) {
  if (length == 0) return 0;
  if (payload[0] == '0') {
    char packet[FRAME_MAX_PAYLOAD];
    fill(packet, sizeof packet, "40{\"token\":\"{token}\",\"room\":\"{room}\"}", connection);
    connection_send(connection, OP_TEXT, (const uint8_t *)packet, strlen(packet));
  } else if (payload[0] == '2') {
    connection_send(connection, OP_TEXT, (const uint8_t *)"3", 1);
  } else if (length > 1 && payload[0] == '4' && payload[1] == '4') {
    end(connection, END_REFUSED);
  }
  return connection->fd >= 0 && length > 1 && payload[0] == '4' && payload[1] == '2';
}

static void on_close_frame(struct connection *connection, const struct frame *frame) {
  pool.last_close = frame->length >= 2 ? frame->payload[0] << 8 | frame->payload[1] : 1005;
  int refused = connection->state < READY;
  if (connection->sent_close && !refused) return;
  connection_say_close(connection);
  connection_flush(connection);
  end(connection, refused ? END_REFUSED : END_CLOSED);
}

static void on_data_frame(struct connection *connection, const struct frame *frame) {
  if (target->socket_io && !socket_io_packet(connection, frame->payload, frame->length)) return;
  if (connection->state == GREETING) become_ready(connection);
  else if (connection->state == READY) workload->message(connection, frame->payload, frame->length);
}

static void on_frame(struct connection *connection, const struct frame *frame) {
  if (frame->opcode == OP_PING) connection_send(connection, OP_PONG, frame->payload, frame->length < 126 ? frame->length : 125);
  else if (frame->opcode == OP_CLOSE) on_close_frame(connection, frame);
  else if (frame->opcode <= OP_BINARY) on_data_frame(connection, frame);
}

// The answer of the handshake. Answers its length, 0 when it is not whole yet, -1 when the server refused.
static long read_answer(struct connection *connection, size_t available) {
  uint8_t *blank = memmem(chunk, available, "\r\n\r\n", 4);
  if (blank == NULL) return 0;
  int status = atoi((char *)chunk + 9);
  if (status != 101) {
    pool.last_status = status;
    end(connection, END_REFUSED);
    return -1;
  }
  connection->state = GREETING;
  return blank + 4 - chunk;
}

static void read_frames(struct connection *connection, size_t from, size_t available) {
  struct frame frame;
  while (frame_decode(chunk + from, available - from, &frame)) {
    from += frame.total;
    on_frame(connection, &frame);
    if (connection->fd < 0) return;
  }
  if (available > from) buffer_put(&connection->in, chunk + from, available - from);
  connection_flush(connection);
}

static void on_readable(struct connection *connection) {
  size_t kept = connection->in.length;
  if (kept > 0) memcpy(chunk, connection->in.bytes, kept);
  ssize_t received = recv(connection->fd, chunk + kept, sizeof chunk - kept, 0);
  int early = connection->state == UPGRADING || connection->state == GREETING;
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) return end(connection, early ? (received == 0 ? END_REFUSED : END_RESET) : END_CLOSED);
  connection->in.length = 0;
  size_t available = kept + (size_t)received;
  long from = connection->state == UPGRADING ? read_answer(connection, available) : 0;
  if (from < 0) return;
  if (connection->state == UPGRADING) return buffer_put(&connection->in, chunk, available);
  read_frames(connection, (size_t)from, available);
}

static void on_connected(struct connection *connection) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return end(connection, END_UNREACHABLE);
  connection->state = UPGRADING;
  connection_flush(connection);
}

static void on_event(const struct epoll_event *event) {
  struct connection *connection = event->data.ptr;
  if (connection->fd < 0) return;
  if (connection->state == CONNECTING) return on_connected(connection);
  if (event->events & EPOLLOUT) connection_flush(connection);
  if (connection->fd >= 0 && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))) on_readable(connection);
}

void pool_pump(int timeout_ms) {
  static struct epoll_event events[1024];
  int count = epoll_wait(epoll_fd, events, 1024, timeout_ms);
  for (int index = 0; index < count; index++) on_event(&events[index]);
}
