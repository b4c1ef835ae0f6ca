#include "core/key.hpp"

// The plain functions, which OpenSSL 3 deprecates: EVP's read openssl.cnf and set up all of libcrypto at their first use, and at each
// use look up the algorithm, which costs more than to hash a short text.
#define OPENSSL_SUPPRESS_DEPRECATED  // NOLINT(readability-identifier-naming): the library's own name
#include <openssl/sha.h>

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "core/json_reader.hpp"
#include "core/python_json.hpp"
#include "core/sha256.hpp"

namespace baton::core {

namespace {

std::array<unsigned char, SHA_DIGEST_LENGTH> sha1(std::string_view bytes) {
  SHA_CTX context;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  const bool done = SHA1_Init(&context) == 1 && SHA1_Update(&context, bytes.data(), bytes.size()) == 1 &&
                    SHA1_Final(digest.data(), &context) == 1;
  BATON_ASSERT(done);
  return digest;
}

/// Lower-case digits of `bytes`. One of the few hot places of planning, so it writes in place.
std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[2 * i] = digits[bytes[i] >> 4u];
    out[2 * i + 1] = digits[bytes[i] & 0xFu];
  }
  return out;
}

std::optional<unsigned char> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned char>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned char>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned char>(c - 'A' + 10);
  return std::nullopt;
}

/// The 16 bytes of a UUID in its usual spelling.
std::string uuid_bytes(std::string_view uuid) {
  BATON_ASSERT(uuid.size() == 36);
  std::string bytes;
  for (std::size_t at = 0; at < uuid.size();) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      BATON_ASSERT(uuid[at] == '-');
      ++at;
      continue;
    }
    const auto high = hex_value(uuid[at]);
    const auto low = hex_value(uuid[at + 1]);
    BATON_ASSERT(high && low);
    bytes += static_cast<char>((*high << 4) | *low);
    at += 2;
  }
  return bytes;
}

/// A text that two different lists of parts never share: each part with its length before it.
class Parts {
 public:
  explicit Parts(std::string_view purpose) {
    text_.reserve(256);
    add(purpose);
  }
  void add(std::string_view part) {
    text_ += std::to_string(part.size());
    text_ += ':';
    text_ += part;
  }
  void add_count(std::size_t count) { add(std::to_string(count)); }
  [[nodiscard]] std::string digest() const { return sha256(text_); }

 private:
  std::string text_;
};

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }  // npos + 1 = 0

void add_command(Parts& parts, const Command& command) {
  parts.add(command.shell ? "shell" : "argv");
  parts.add_count(command.words.size());
  for (const auto& word : command.words) parts.add(word);
}

std::string_view name_of(OutputKind kind) {
  switch (kind) {
    case OutputKind::file: return "file";
    case OutputKind::directory: return "directory";
    case OutputKind::number: return "number";
    case OutputKind::integer: return "integer";
    case OutputKind::string: return "string";
    case OutputKind::boolean: return "boolean";
    case OutputKind::json: return "json";
  }
  BATON_UNREACHABLE();
}

void add_outputs(Parts& parts, const std::vector<Output>& outputs) {
  parts.add_count(outputs.size());
  for (const auto& output : outputs) {
    parts.add(output.port);
    parts.add(name_of(output.kind));
    parts.add(output.name);
    parts.add(output.by_stat ? "stat" : "content");
  }
}

void add_values(Parts& parts, const std::vector<std::pair<std::string, Value>>& values) {
  parts.add_count(values.size());
  for (const auto& [name, value] : values) {
    parts.add(name);
    parts.add(value.json);
  }
}

/// A part of a job id: `:` separates the parts there, and no part may hold one.
void append_part(std::string& out, std::string_view part) {
  constexpr std::string_view upper_hex = "0123456789ABCDEF";
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7F && c != ':' && c != '%') {
      out += c;
    } else {
      out += '%';
      out += upper_hex[byte >> 4u];
      out += upper_hex[byte & 0xFu];
    }
  }
}

Error bad_json(std::string_view side, std::size_t at) {
  return {.code = "input.bad_json",
          .what = "the " + std::string(side) + " of a node are not a JSON object of ports",
          .where = std::string(side) + ", byte " + std::to_string(at),
          .way_out = "give an object such as {\"in_1\": 2}, or null"};
}

/// One payload. A string that is JSON itself counts as what it says: the reference's types try JSON before text.
std::optional<std::string> dump_payload(JsonReader& reader) {
  if (reader.peek() != '"') return python_dump(reader);
  const auto text = reader.string();
  if (!text) return std::nullopt;
  if (auto typed = python_dump(*text)) return typed;
  return python_string(*text);
}

/// One side, with its null payloads dropped.
Result<std::string> dump_side(std::string_view side, std::string_view json) {
  JsonReader reader(json);
  const auto bad = [&] { return fail(bad_json(side, reader.position())); };
  if (reader.take("null")) {
    if (!reader.at_end()) return bad();
    return "null";
  }
  std::map<std::string, std::string> ports;
  if (!reader.take('{')) return bad();
  if (!reader.take('}')) {
    do {
      auto port = reader.string();
      if (!port || !reader.take(':')) return bad();
      auto payload = dump_payload(reader);
      if (!payload) return bad();
      ports.insert_or_assign(std::move(*port), std::move(*payload));
    } while (reader.take(','));
    if (!reader.take('}')) return bad();
  }
  if (!reader.at_end()) return bad();
  std::erase_if(ports, [](const auto& port) { return port.second == "null"; });
  return python_object(ports);
}

}  // namespace

Sha256::Sha256() { BATON_ASSERT(SHA256_Init(&state_) == 1); }
void Sha256::add(std::string_view bytes) { BATON_ASSERT(SHA256_Update(&state_, bytes.data(), bytes.size()) == 1); }
std::string Sha256::end() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  BATON_ASSERT(SHA256_Final(digest.data(), &state_) == 1);
  return hex(digest);
}

std::string sha256(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.end();
}

std::string uuid5(std::string_view space, std::string_view name) {
  auto digest = sha1(uuid_bytes(space) + std::string(name));
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0Fu) | 0x50u);  // version 5
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3Fu) | 0x80u);  // the variant of RFC 4122
  auto uuid = hex(std::span(digest).first<16>());
  for (const auto at : {20u, 16u, 12u, 8u}) uuid.insert(at, 1, '-');
  return uuid;
}

std::string step_digest(const Step& step, std::span<const std::string> file_digests) {
  BATON_ASSERT(file_digests.size() == step.files.size());
  Parts parts("step 1");
  add_command(parts, step.command);
  parts.add_count(step.env.size());
  for (const auto& [name, value] : step.env) {
    parts.add(name);
    parts.add(value);
  }
  parts.add(step.image);
  add_outputs(parts, step.outputs);
  parts.add_count(step.files.size());
  for (std::size_t i = 0; i < step.files.size(); ++i) {
    parts.add(last_name(step.files[i].path));
    parts.add(file_digests[i]);
  }
  return parts.digest();
}

std::string node_digest(const Node& node, std::string_view digest_of_step) {
  Parts parts("definition 1");
  parts.add(digest_of_step);
  add_values(parts, node.foreach);
  add_values(parts, node.params);
  return parts.digest();
}

std::string definition_digest(const Node& node, std::span<const std::string> file_digests) {
  return node_digest(node, step_digest(*node.step, file_digests));
}

std::string gathered_digest(std::span<const std::string> digests) {
  Parts parts("gathered 1");
  for (const auto& digest : digests) parts.add(digest);
  return parts.digest();
}

JobId job_id(UserId user, const ProjectId& project, const RunUuid& run, const NodeId& node, std::int32_t attempt) {
  // The attempt has no `/` in it, so no two pairs of node and attempt share a name.
  const auto uuid = uuid5(run.value(), node.value() + "/" + std::to_string(attempt));
  std::string id = "baton:1:userid_" + std::to_string(user.value()) + ":projectid_";
  append_part(id, project.value());
  id += ":nodeid_";
  append_part(id, node.value());
  return JobId(id + ":uuid_" + uuid);
}

Result<std::string> io_hash(std::string_view inputs, std::string_view outputs) {
  const auto in = dump_side("inputs", inputs);
  if (!in) return fail(in.error());
  const auto out = dump_side("outputs", outputs);
  if (!out) return fail(out.error());
  return sha256("{\"inputs\": " + *in + ", \"outputs\": " + *out + "}");
}

}  // namespace baton::core
