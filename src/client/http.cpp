#include "client/http.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <optional>

namespace baton::client {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace {

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t header_bytes_max = 64 * 1024;
constexpr std::uint64_t body_bytes_max = std::uint64_t{64} << 20U;

using Request = http::request<http::string_body>;

Request request_of(const Address& server, const std::string& token, const Call& call, bool stream) {
  Request request(http::string_to_verb(call.method), call.target, 11);
  request.set(http::field::host, server.url.substr(std::string_view("http://").size()));
  request.set(http::field::user_agent, "baton/" BATON_VERSION);
  request.set(http::field::accept, stream ? "text/event-stream" : "application/json");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  if (!call.last_event_id.empty()) request.set("Last-Event-ID", call.last_event_id);
  if (!call.body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = call.body;
  request.keep_alive(!stream);
  request.prepare_payload();
  return request;
}

template <class Message>
Answer answer_of(const Message& message) {
  Answer answer{.status = message.result_int()};
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    answer.fields.insert_or_assign(std::move(name), std::string(field.value()));
  }
  return answer;
}

Error silent(const Address& server, const std::string& what) {
  return {.code = "server.silent", .what = what, .where = server.url, .way_out = {}};
}

Error broken(const Address& server, const boost::system::error_code& wrong) {
  if (wrong == beast::error::timeout) return silent(server, "no answer in time");
  if (wrong == http::error::end_of_stream || wrong == http::error::partial_message)
    return silent(server, "the connection was closed");
  if (wrong.category() == http::make_error_code(http::error::bad_version).category())
    return {.code = "server.bad_answer", .what = "this is no HTTP: " + wrong.message(), .where = server.url, .way_out = {}};
  return silent(server, wrong.message());
}

Error hung_up() { return {.code = "server.closed", .what = "the connection was given up", .where = {}, .way_out = {}}; }

}  // namespace

struct Http::Line {
  using StreamParser = http::response_parser<http::buffer_body>;

  explicit Line(const asio::any_io_executor& executor, Address address) : server(std::move(address)), tcp(executor) {}

  awaitable<Result<void>> connect(core::Duration limit) {
    boost::system::error_code bad;
    const auto host = asio::ip::make_address(server.host, bad);
    if (bad) co_return fail(silent(server, bad.message()));
    const asio::ip::tcp::endpoint end(host, server.port);
    tcp.expires_after(limit);
    const auto [wrong] = co_await tcp.async_connect(end, as_pair);
    if (wrong == beast::error::timeout) co_return fail(silent(server, "no connection in time"));
    if (wrong) co_return fail(silent(server, "no connection: " + wrong.message()));
    boost::system::error_code ignored;  // only slower
    tcp.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return Result<void>{};
  }

  awaitable<Result<Answer>> exchange(Request request, core::Duration limit) {
    tcp.expires_after(limit);
    const auto [unsent, sent] = co_await http::async_write(tcp, request, as_pair);
    if (unsent) co_return fail(broken(server, unsent));
    http::response_parser<http::string_body> parser;
    parser.header_limit(header_bytes_max);
    parser.body_limit(body_bytes_max);
    const auto [wrong, size] = co_await http::async_read(tcp, buffer, parser, as_pair);
    if (wrong) co_return fail(broken(server, wrong));
    auto answer = answer_of(parser.get());
    answer.body = std::move(parser.get().body());
    kept = parser.keep_alive();
    co_return answer;
  }

  awaitable<Result<Answer>> begin_stream(Request request, core::Duration limit) {
    tcp.expires_after(limit);
    const auto [unsent, sent] = co_await http::async_write(tcp, request, as_pair);
    if (unsent) co_return fail(broken(server, unsent));
    stream.emplace();
    stream->header_limit(header_bytes_max);
    stream->body_limit(boost::none);
    const auto [wrong, size] = co_await http::async_read_header(tcp, buffer, *stream, as_pair);
    if (wrong) co_return fail(broken(server, wrong));
    auto answer = answer_of(stream->get());
    if (answer.status == 200) co_return answer;
    while (answer.body.size() < body_bytes_max) {  // an error, and its words
      auto part = co_await read(limit);
      if (!part) co_return fail(part.error());
      if (part->empty()) break;
      answer.body += *part;
    }
    co_return answer;
  }

  awaitable<Result<std::string>> read(core::Duration limit) {
    std::array<char, 16 * 1024> block;
    while (!stream->is_done()) {
      auto& body = stream->get().body();
      body.data = block.data();
      body.size = block.size();
      body.more = true;
      tcp.expires_after(limit);
      auto [wrong, size] = co_await http::async_read_some(tcp, buffer, *stream, as_pair);
      if (wrong == http::error::need_buffer) wrong = {};
      if (wrong) co_return fail(broken(server, wrong));
      const auto got = block.size() - stream->get().body().size;
      if (got > 0) co_return std::string(block.data(), got);
    }
    co_return std::string();
  }

  Address server;
  beast::tcp_stream tcp;
  beast::flat_buffer buffer;
  std::optional<StreamParser> stream;
  bool kept = false;  ///< an answer has come, and the next call may use the connection
};

Http::Http(asio::any_io_executor executor, HttpLimits limits) : executor_(std::move(executor)), limits_(limits) {}
Http::~Http() = default;

awaitable<Result<Answer>> Http::ask(Address server, std::string token, Call call) {
  const auto request = request_of(server, token, call, false);
  for (;;) {
    if (closed_) co_return fail(hung_up());
    const bool reused = line_ && line_->kept && line_->server == server;
    if (!reused) {
      line_ = std::make_unique<Line>(executor_, server);
      const auto connected = co_await line_->connect(limits_.connect);
      if (closed_) co_return fail(hung_up());
      if (!connected) co_return fail(connected.error());
    }
    line_->kept = false;
    auto copy = request;
    auto answer = co_await line_->exchange(std::move(copy), limits_.answer);
    if (closed_) co_return fail(hung_up());
    if (answer) co_return answer;
    line_.reset();
    if (!reused || answer.error().what == "no answer in time") co_return fail(answer.error());
  }
}

awaitable<Result<Answer>> Http::open(Address server, std::string token, Call call) {
  if (closed_) co_return fail(hung_up());
  auto request = request_of(server, token, call, true);
  line_ = std::make_unique<Line>(executor_, std::move(server));
  const auto connected = co_await line_->connect(limits_.connect);
  if (closed_) co_return fail(hung_up());
  if (!connected) co_return fail(connected.error());
  auto answer = co_await line_->begin_stream(std::move(request), limits_.answer);
  if (closed_) co_return fail(hung_up());
  co_return answer;
}

awaitable<Result<std::string>> Http::read() {
  if (closed_ || !line_ || !line_->stream) co_return fail(hung_up());
  auto bytes = co_await line_->read(limits_.silence);
  if (closed_) co_return fail(hung_up());
  co_return bytes;
}

void Http::close() {
  closed_ = true;
  if (line_) line_->tcp.close();
}

}  // namespace baton::client
