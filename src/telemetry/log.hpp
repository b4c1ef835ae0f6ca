/// Log lines: one a happening, with fields; as text for people or as JSON for machines. No secret goes into one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::telemetry {

enum class Level : std::uint8_t { info, warning, error };
using Field = std::pair<std::string_view, std::string>;

class Log {
 public:
  struct Options {
    bool json = false;
    std::string replica;                          ///< in each line
    std::function<core::Instant()> clock;         ///< this host's wall clock
    std::function<void(const std::string&)> out;  ///< a whole line, with its line feed
  };
  explicit Log(Options options) : options_(std::move(options)) {}
  void line(Level level, std::string_view event, const std::vector<Field>& fields = {});
  void error(Level level, std::string_view event, const Error& error, std::vector<Field> fields = {});

 private:
  Options options_;
};

}  // namespace baton::telemetry
