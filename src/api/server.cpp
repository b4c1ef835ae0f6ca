#include "api/server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <optional>
#include <set>
#include <utility>

#include "api/answers.hpp"

namespace baton::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_bytes = 4096;
constexpr auto drain_time = 2s;  // so long a refused client may go on sending, to read why
constexpr std::size_t drain_bytes_max = std::size_t{16} << 20U;

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  bool busy = false;               ///< a request is in hand
  std::shared_ptr<Stream> events;  ///< while one is written
  std::array<char, 64> rest{};     ///< what comes while events are written: nothing, but for the end

  void close() {
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream.close();
  }
};

/// A request as read, or why it was refused. `drain`: the client may still be sending.
struct Read {
  std::optional<Call> call;
  std::optional<Answer> refusal;
  bool keep_alive = false, drain = false, chunked = true;
};

Read refused(unsigned status, Error error) { return {.refusal = error_answer(status, error), .drain = true}; }

Error no_entry(const std::string& code, const std::string& what, const std::string& way_out = {}) {
  return {.code = code, .what = what, .where = {}, .way_out = way_out};
}

/// What is wrong with a request that could not be parsed; none: nobody is there to be told (who is too slow has been closed already).
std::optional<Read> unreadable(const boost::system::error_code& ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
    return refused(431, no_entry("api.header_too_big", "the request's header is too big"));
  if (ec == http::error::body_limit) return refused(413, no_entry("api.body_too_big", "the request's body is too big"));
  if (ec.category() == make_error_code(http::error::bad_method).category() && ec != http::error::end_of_stream &&
      ec != http::error::partial_message)
    return refused(400, no_entry("api.bad_request", "this is no HTTP request: " + ec.message()));
  return std::nullopt;
}

bool needs_token(const Call& call) { return call.path.size() != 1 || (call.path[0] != "healthz" && call.path[0] != "readyz"); }

template <class Fields>
std::optional<Read> forbidden(const Fields& fields, const Call& call, const std::string& token) {
  if (fields.count(http::field::host) != 1 || !is_loopback_name(fields[http::field::host]))
    return refused(403, no_entry("api.host", "the Host header does not name the loopback", "ask for 127.0.0.1 or localhost"));
  if (fields.count(http::field::origin) != 0)
    return refused(403, no_entry("api.origin", "web pages may not ask this server", "ask without an Origin header"));
  if (!needs_token(call)) return std::nullopt;
  constexpr std::string_view scheme = "bearer ";
  const std::string_view given = fields[http::field::authorization];
  const bool bearer = given.size() > scheme.size() && beast::iequals(given.substr(0, scheme.size()), scheme);
  if (fields.count(http::field::authorization) == 1 && bearer && same_secret(given.substr(scheme.size()), token))
    return std::nullopt;
  auto read = refused(401, no_entry("auth.refused", given.empty() ? "there is no token" : "the token is not this server's",
                                    "BATON_TOKEN, or the file that `baton serve` keeps it in"));
  read.refusal->headers.emplace_back("WWW-Authenticate", "Bearer");
  return read;
}

template <class Fields>
std::string text_of(const Fields& fields, http::field name) {
  return std::string(fields[name]);
}

}  // namespace

bool same_secret(std::string_view given, std::string_view secret) {
  volatile unsigned differs = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto other = secret.empty() ? '\0' : secret[i % secret.size()];
    differs = differs | static_cast<unsigned>(static_cast<unsigned char>(given[i] ^ other));
  }
  return differs == 0 && !secret.empty();
}

bool is_loopback_name(std::string_view host) {
  if (host.starts_with("[::1]")) {
    host.remove_prefix(5);
  } else {
    const auto name = host.substr(0, host.find(':'));
    host.remove_prefix(name.size());
    boost::system::error_code wrong;
    const auto address = asio::ip::make_address_v4(name, wrong);
    if (!beast::iequals(name, "localhost") && (wrong || !address.is_loopback())) return false;
  }
  if (host.empty()) return true;
  return host.size() > 1 && host[0] == ':' && std::ranges::all_of(host.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

struct Server::Parts {
  Parts(asio::any_io_executor on, Runtime& with, ServerOptions wanted, Handler answers)
      : executor(std::move(on)),
        runtime(with),
        options(std::move(wanted)),
        handler(std::move(answers)),
        acceptor(executor),
        gate(runtime.gate()) {}

  asio::any_io_executor executor;
  Runtime& runtime;
  ServerOptions options;
  Handler handler;
  tcp::acceptor acceptor;
  std::unique_ptr<Gate> gate;
  std::set<std::shared_ptr<Connection>> connections;
  bool stopping = false;

  awaitable<void> attend(std::shared_ptr<Connection> connection);
  awaitable<bool> one_request(std::shared_ptr<Connection> connection);
  awaitable<std::optional<Read>> read(std::shared_ptr<Connection> connection);
  awaitable<bool> write(std::shared_ptr<Connection> connection, Answer answer, bool keep_alive);
  awaitable<void> write_events(std::shared_ptr<Connection> connection, Answer answer, bool chunked);
  awaitable<void> drain(std::shared_ptr<Connection> connection);
  awaitable<Answer> safe_answer(Call call);
  void refuse(tcp::socket socket) const;
};

Server::Server(asio::any_io_executor executor, Runtime& runtime, ServerOptions options, Handler handler)
    : parts_(std::make_unique<Parts>(std::move(executor), runtime, std::move(options), std::move(handler))) {}
Server::~Server() = default;

Result<void> Server::listen() {
  const auto& host = parts_->options.host;
  const auto port = parts_->options.port;
  if (parts_->options.token.empty())
    return fail({.code = "api.no_token", .what = "a server without a token is open to everybody", .where = {}, .way_out = {}});
  auto name = host == "localhost" ? std::string("127.0.0.1") : host;
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  boost::system::error_code wrong;
  const auto address = asio::ip::make_address(name, wrong);
  if (wrong || !address.is_loopback())
    return fail({.code = "api.not_loopback",
                 .what = "'" + host + "' is not an address of the loopback",
                 .where = "--listen " + host,
                 .way_out = "listen on 127.0.0.1; to be reached from elsewhere, use a tunnel"});
  const tcp::endpoint endpoint(address, port);
  auto& acceptor = parts_->acceptor;
  acceptor.open(endpoint.protocol(), wrong);
  if (!wrong) acceptor.set_option(tcp::acceptor::reuse_address(true), wrong);
  if (!wrong) acceptor.bind(endpoint, wrong);
  if (!wrong) acceptor.listen(asio::socket_base::max_listen_connections, wrong);
  if (!wrong) return {};
  boost::system::error_code ignored;
  acceptor.close(ignored);
  return fail({.code = "api.listen",
               .what = "cannot listen on " + host + ":" + std::to_string(port) + ": " + wrong.message(),
               .where = "--listen",
               .way_out = "choose another port, or 0 for a free one"});
}

std::uint16_t Server::port() const {
  boost::system::error_code ignored;
  return parts_->acceptor.local_endpoint(ignored).port();
}

awaitable<void> Server::serve() {
  auto& parts = *parts_;
  while (!parts.stopping) {
    auto [ec, socket] = co_await parts.acceptor.async_accept(as_pair);
    if (parts.stopping) break;
    if (ec) {  // no descriptors left, or the client has gone already
      co_await parts.runtime.sleep(50ms);
      continue;
    }
    if (parts.connections.size() >= parts.options.connections_max) {
      parts.refuse(std::move(socket));
      continue;
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    parts.connections.insert(connection);
    parts.gate->spawn(parts.attend(std::move(connection)));
  }
  const auto until = parts.runtime.steady() + parts.options.leave;
  while (!parts.connections.empty() && parts.runtime.steady() < until) co_await parts.runtime.sleep(20ms);
  for (const auto& connection : parts.connections) connection->close();
  co_await parts.gate->empty();
}

void Server::stop() {
  parts_->stopping = true;
  boost::system::error_code ignored;
  parts_->acceptor.close(ignored);
  for (const auto& connection : parts_->connections) {
    if (connection->events) connection->events->close();
    if (!connection->busy) connection->close();
  }
}

/// Without a coroutine of its own: there may be very many of them.
void Server::Parts::refuse(tcp::socket socket) const {
  constexpr std::string_view busy =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(busy.data(), busy.size()), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

awaitable<void> Server::Parts::attend(std::shared_ptr<Connection> connection) {
  try {
    for (bool more = true; more && !stopping;) more = co_await one_request(connection);
  } catch (const std::exception&) {  // no memory: this connection ends, the others go on
    connection->events.reset();
  }
  connection->close();
  connections.erase(connection);
}

/// @return whether the connection is good for another one
awaitable<bool> Server::Parts::one_request(std::shared_ptr<Connection> connection) {
  auto& stream = connection->stream;
  auto& buffer = connection->buffer;
  connection->busy = buffer.size() > 0;
  if (!connection->busy) {
    stream.expires_after(options.idle);
    auto [ec, bytes] = co_await stream.async_read_some(buffer.prepare(read_bytes), as_pair);
    if (ec) co_return false;
    buffer.commit(bytes);
    connection->busy = true;
  }
  auto read = co_await this->read(connection);
  if (!read) co_return false;
  const bool refused = read->refusal.has_value();
  Answer answer;
  if (refused) answer = std::move(*read->refusal);
  if (!refused) answer = co_await safe_answer(std::move(*read->call));
  if (answer.stream) {
    co_await write_events(connection, std::move(answer), read->chunked);
    co_return false;
  }
  const bool keep_alive = read->keep_alive && !stopping;
  const bool written = co_await write(connection, std::move(answer), keep_alive);
  if (written && read->drain) co_await drain(connection);
  co_return written&& keep_alive;
}

awaitable<std::optional<Read>> Server::Parts::read(std::shared_ptr<Connection> connection) {
  auto& stream = connection->stream;
  auto& buffer = connection->buffer;
  http::request_parser<http::string_body> parser;
  parser.header_limit(options.header_bytes_max);
  parser.body_limit(options.body_bytes_max);
  stream.expires_after(options.header);
  auto [ec, header_bytes] = co_await http::async_read_header(stream, buffer, parser, as_pair);
  if (ec) co_return unreadable(ec);

  const auto& head = parser.get();
  if (head.version() != 10 && head.version() != 11)
    co_return refused(505, no_entry("api.bad_request", "this server speaks HTTP/1.1"));
  auto call = call_of(std::string(head.method_string()), std::string(head.target()));
  if (!call) co_return refused(400, call.error());
  if (auto no = forbidden(head, *call, options.token)) co_return no;
  call->host = text_of(head, http::field::host);
  call->content_type = text_of(head, http::field::content_type);
  call->last_event_id = std::string(head["Last-Event-ID"]);
  if (beast::iequals(head[http::field::expect], "100-continue") && !parser.is_done()) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    stream.expires_after(options.write);
    auto [failed, written] = co_await asio::async_write(stream, asio::buffer(go_on.data(), go_on.size()), as_pair);
    if (failed) co_return std::nullopt;
  }
  stream.expires_after(options.body);
  auto [bad, body_bytes] = co_await http::async_read(stream, buffer, parser, as_pair);
  if (bad) co_return unreadable(bad);
  call->body = std::move(parser.get().body());
  co_return Read{.call = std::move(*call), .keep_alive = parser.get().keep_alive(), .chunked = parser.get().version() == 11};
}

awaitable<Answer> Server::Parts::safe_answer(Call call) {
  try {
    auto answered = co_await handler(std::move(call));
    co_return answered;
  } catch (const std::exception& error) {
    co_return error_answer(500, {.code = "api.internal", .what = error.what(), .where = {}, .way_out = "tell us what was asked"});
  }
}

awaitable<bool> Server::Parts::write(std::shared_ptr<Connection> connection, Answer answer, bool keep_alive) {
  http::response<http::string_body> response;
  response.result(answer.status);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  response.body() = std::move(answer.body);
  response.keep_alive(keep_alive);
  response.prepare_payload();
  connection->stream.expires_after(options.write);
  auto [ec, bytes] = co_await http::async_write(connection->stream, response, as_pair);
  co_return !ec;
}

awaitable<void> Server::Parts::write_events(std::shared_ptr<Connection> connection, Answer answer, bool chunked) {
  auto& stream = connection->stream;
  connection->events = answer.stream;
  if (stopping) connection->events->close();
  std::string head = chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" : "HTTP/1.0 200 OK\r\n";
  head += "Content-Type: " + answer.content_type +
          "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  // The client has nothing more to say: anything that comes, most of all its end, ends the stream.
  stream.expires_never();
  stream.async_read_some(asio::buffer(connection->rest), [connection](boost::system::error_code, std::size_t) {
    if (connection->events) connection->events->close();
  });
  stream.expires_after(options.write);
  auto [ec, bytes] = co_await asio::async_write(stream, asio::buffer(head), as_pair);
  bool good = !ec;
  while (good) {
    const auto text = co_await connection->events->next();
    if (!text) break;
    stream.expires_after(options.write);
    const auto piece = asio::buffer(*text);
    if (chunked) {
      auto [failed, written] = co_await asio::async_write(stream, http::make_chunk(piece), as_pair);
      good = !failed;
    } else {
      auto [failed, written] = co_await asio::async_write(stream, piece, as_pair);
      good = !failed;
    }
  }
  connection->events.reset();
  if (!good || !chunked) co_return;
  stream.expires_after(options.write);
  co_await asio::async_write(stream, http::make_chunk_last(), as_pair);
}

/// A connection that is closed while its client still sends is reset, and the client never reads why it was refused.
awaitable<void> Server::Parts::drain(std::shared_ptr<Connection> connection) {
  auto& stream = connection->stream;
  auto& buffer = connection->buffer;
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  buffer.consume(buffer.size());
  stream.expires_after(drain_time);
  for (std::size_t total = 0; total < drain_bytes_max && !stopping;) {
    auto [ec, bytes] = co_await stream.async_read_some(buffer.prepare(read_bytes), as_pair);
    if (ec) co_return;
    total += bytes;
  }
}

}  // namespace baton::api
