/// HTTP/1.1 on the loopback, for those who hold the token.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/http.hpp"
#include "core/result.hpp"
#include "ports/runtime.hpp"

namespace baton::api {

struct ServerOptions {
  std::string host = "127.0.0.1";      ///< `localhost` or an address of the loopback
  std::uint16_t port = 0;              ///< 0: a free one
  std::string token;                   ///< never empty
  std::size_t connections_max = 1100;  ///< streams (1000) included; more are told 503 and closed
  std::uint64_t body_bytes_max = std::uint64_t{16} << 20U;
  std::uint32_t header_bytes_max = 16U << 10U;
  core::Duration idle = std::chrono::seconds(60);    ///< between two requests
  core::Duration header = std::chrono::seconds(10);  ///< from the first byte of a request to the end of its header
  core::Duration body = std::chrono::seconds(60);    ///< from the header to the end of the body
  core::Duration write = std::chrono::seconds(30);   ///< an answer, or a piece of a stream
  core::Duration leave = std::chrono::seconds(5);    ///< stop(): requests in hand may take so long
};

/// Whoever answers. It must not throw; if it does, the client is told 500.
using Handler = std::function<awaitable<Answer>(Call)>;

class Server {
 public:
  /// @param executor  of the loop that `runtime` runs on
  Server(boost::asio::any_io_executor executor, Runtime& runtime, ServerOptions options, Handler handler);
  /// After serve() has returned.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the port. Errors: api.not_loopback, api.no_token, api.listen (in use, not permitted).
  Result<void> listen();
  /// The one that listen() took.
  [[nodiscard]] std::uint16_t port() const;
  /// Serves until stop(); returns when the requests in hand are answered and all connections are closed.
  awaitable<void> serve();
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Compares in a time that does not depend on where they differ.
[[nodiscard]] bool same_secret(std::string_view given, std::string_view secret);
/// Whether a Host header names the loopback: `localhost`, `127.x.x.x`, `[::1]`, each with or without a port. A page of another name that
/// a browser was led here by (DNS rebinding) does not.
[[nodiscard]] bool is_loopback_name(std::string_view host);

}  // namespace baton::api
