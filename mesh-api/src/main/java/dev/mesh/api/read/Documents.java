package dev.mesh.api.read;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.Parser;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/// Cuts a text into YAML documents and composes each on its own, so that one that is broken spoils no other.
/// A line that starts with `---` ends a document wherever it stands, by YAML's own rules.
final class Documents {
    static final int MOST_CHARS = 16 << 20;
    static final int MOST_NODES = 500_000;
    static final int DEEPEST = 64;

    private static final LoadSettings SETTINGS = LoadSettings.builder()
            .setSchema(new CoreSchema())
            .setCodePointLimit(MOST_CHARS)
            .setUseMarks(true)
            .build();

    private Documents() {}

    /// @param line of the text where the document starts, from 0; to be added to the lines of its nodes
    /// @param root null if the document is broken
    /// @param problem why it is broken, or empty
    /// @param problemLine in the whole text, from 0
    record Document(int line, @Nullable Node root, String problem, int problemLine, int problemColumn) {}

    static List<Document> of(String text) {
        var documents = new ArrayList<Document>();
        if (text.length() > MOST_CHARS) {
            documents.add(new Document(0, null, "too large (expected: at most 16 MiB)", 0, 0));
            return documents;
        }
        int line = 0;
        int startLine = 0;
        int start = text.startsWith("\uFEFF") ? 1 : 0;
        int position = start;
        boolean directives = false;
        while (position < text.length()) {
            int end = text.indexOf('\n', position);
            int next = end < 0 ? text.length() : end + 1;
            if (isSeparator(text, position) && position > start) {
                if (!directives) {
                    compose(text.substring(start, position), startLine, documents);
                    start = position;
                    startLine = line;
                }
                directives = false;
            } else if (text.charAt(position) == '%') {
                directives = isBlank(text, start, position) || directives;
            }
            position = next;
            line++;
        }
        compose(text.substring(start), startLine, documents);
        return documents;
    }

    private static boolean isSeparator(String text, int at) {
        return text.startsWith("---", at) && (at + 3 == text.length() || Character.isWhitespace(text.charAt(at + 3)));
    }

    private static boolean isBlank(String text, int from, int to) {
        return text.substring(from, to).lines().allMatch(line -> line.isBlank() || line.startsWith("#"));
    }

    private static void compose(String text, int line, List<Document> documents) {
        try {
            var parser = new ShallowParser(new ParserImpl(SETTINGS, new StreamReader(SETTINGS, text)));
            var composer = new Composer(SETTINGS, parser);
            while (composer.hasNext()) {
                Node root = composer.next();
                if (isNull(root)) {
                    continue;
                }
                if (size(root, 0, 0) > MOST_NODES) {
                    documents.add(broken(
                            line, root, "aliases expand to more than " + MOST_NODES + " values, or in a circle"));
                } else {
                    documents.add(new Document(line, root, "", 0, 0));
                }
            }
        } catch (MarkedYamlEngineException e) {
            var mark = e.getProblemMark();
            documents.add(new Document(
                    line,
                    null,
                    e.getProblem() + context(e, line),
                    line + mark.map(found -> found.getLine()).orElse(0),
                    mark.map(found -> found.getColumn()).orElse(0)));
        } catch (ReaderException e) {
            String before = text.substring(0, text.offsetByCodePoints(0, e.getPosition()));
            int lines = (int) before.chars().filter(c -> c == '\n').count();
            documents.add(new Document(
                    line,
                    null,
                    "character U+%04X (expected: text that can be printed)".formatted(e.getCodePoint()),
                    line + lines,
                    before.length() - (before.lastIndexOf('\n') + 1)));
        } catch (YamlEngineException | IndexOutOfBoundsException | IllegalArgumentException e) {
            String reason = Optional.ofNullable(e.getMessage()).orElse("cannot be read");
            documents.add(new Document(line, null, reason.lines().findFirst().orElse(""), line, 0));
        }
    }

    // What it was part of, and where that started.
    private static String context(MarkedYamlEngineException e, int line) {
        String context = e.getContext();
        if (context == null || context.isBlank()) {
            return "";
        }
        return " (" + context
                + e.getContextMark()
                        .map(mark -> ", which starts at line " + (line + mark.getLine() + 1))
                        .orElse("")
                + ")";
    }

    private static Document broken(int line, Node root, String problem) {
        int offset = root.getStartMark().map(mark -> mark.getLine()).orElse(0);
        return new Document(line, null, problem, line + offset, 0);
    }

    static boolean isNull(Node node) {
        return node instanceof ScalarNode scalar
                && (scalar.getTag().equals(Tag.NULL)
                        || (scalar.getScalarStyle() == ScalarStyle.PLAIN
                                && scalar.getValue().isEmpty()));
    }

    /// Number of values once aliases are written out; anything above the limit if there are more or too deep ones.
    private static int size(Node node, int before, int depth) {
        if (before > MOST_NODES || depth > DEEPEST) {
            return MOST_NODES + 1;
        }
        int count = before + 1;
        switch (node) {
            case MappingNode mapping -> {
                for (NodeTuple entry : mapping.getValue()) {
                    count = size(entry.getKeyNode(), count, depth + 1);
                    count = size(entry.getValueNode(), count, depth + 1);
                }
            }
            case SequenceNode sequence -> {
                for (Node item : sequence.getValue()) {
                    count = size(item, count, depth + 1);
                }
            }
            default -> {}
        }
        return count;
    }

    /// Refuses deep nesting before the composer, which recurses, sees it.
    private static final class ShallowParser implements Parser {
        private final Parser parser;
        private int depth;

        ShallowParser(Parser parser) {
            this.parser = parser;
        }

        @Override
        public boolean checkEvent(Event.ID id) {
            return parser.checkEvent(id);
        }

        @Override
        public Event peekEvent() {
            return parser.peekEvent();
        }

        @Override
        public boolean hasNext() {
            return parser.hasNext();
        }

        @Override
        public Event next() {
            Event event = parser.next();
            switch (event.getEventId()) {
                case MappingStart, SequenceStart -> depth++;
                case MappingEnd, SequenceEnd -> depth--;
                default -> {}
            }
            if (depth > DEEPEST) {
                throw new YamlEngineException("nested deeper than " + DEEPEST + " levels");
            }
            return event;
        }
    }
}
