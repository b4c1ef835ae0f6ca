#include "amqp/link.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace baton::amqp {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

}  // namespace

Link::Link(const asio::any_io_executor& executor, Session::Login login)
    : socket(executor),
      session(std::move(login), std::chrono::steady_clock::now()),
      wake_writer(executor),
      wake_ticker(executor) {}

void Link::die(int code, std::string text) {
  if (std::exchange(is_dead, true)) return;
  why_code = code;
  why = std::move(text);
  wake_writer.cancel();
  wake_ticker.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

asio::awaitable<std::string> connect(std::shared_ptr<Link> link, std::string host, std::uint16_t port,
                                     std::chrono::milliseconds patience) {
  auto limit = std::make_shared<asio::steady_timer>(link->socket.get_executor(), patience);
  auto resolver = std::make_shared<tcp::resolver>(link->socket.get_executor());
  limit->async_wait([link, resolver](boost::system::error_code ec) {
    if (ec) return;
    resolver->cancel();
    link->die(0, "no connection in time");
  });
  std::vector<tcp::endpoint> endpoints;
  boost::system::error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (no_address) {
    auto [ec, found] = co_await resolver->async_resolve(host, std::to_string(port), as_pair);
    if (ec) {
      limit->cancel();
      co_return "the host's name is not found: " + ec.message();
    }
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  } else {
    endpoints.emplace_back(address, port);
  }
  if (link->is_dead) co_return link->why;
  auto [ec, endpoint] = co_await asio::async_connect(link->socket, endpoints, as_pair);
  limit->cancel();
  if (link->is_dead) co_return link->why;
  if (ec) co_return "no connection: " + ec.message();
  boost::system::error_code ignored;
  link->socket.set_option(tcp::no_delay(true), ignored);  // else a publish waits for 40 ms for the one before it
  co_return std::string();
}

}  // namespace baton::amqp
