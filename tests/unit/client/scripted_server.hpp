/// An HTTP server that answers by a script, whatever it is asked: for what a real one does only when it is killed or stopped.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace baton::client {

/// What one request is answered with.
struct Line {
  std::string bytes;  ///< the answer as it goes out; empty: none at all
  enum class Then { keep, close, reset, hang } then = Then::keep;
};
/// With its length.
std::string answer(int status, const std::string& body, const std::string& fields = "");
/// The beginning of a chunked stream of events; chunk() is the rest.
std::string event_stream();
std::string chunk(const std::string& text);

class ScriptedServer {
 public:
  /// Listens at once; begins to answer now. After its script, connections are closed at once.
  explicit ScriptedServer(std::vector<Line> script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The requests so far, each as it came: head and body.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  void serve();
  void talk(int connection);
  bool request_from(int connection);

  std::vector<Line> script_;
  std::size_t next_ = 0;
  int listener_ = -1, stop_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> hanging_;
  std::thread thread_;
};

}  // namespace baton::client
