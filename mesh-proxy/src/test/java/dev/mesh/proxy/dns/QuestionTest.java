package dev.mesh.proxy.dns;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Queries as bytes, in hexadecimal.
class QuestionTest {
    private static final String HEAD = "abcd 0100 0001 0000 0000 0000 ";
    private static final String WWW = "03777777 07 4578416d706c65 00 ".replace(" ", "");

    private static Question.Read read(String hex) {
        return Question.read(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", ""))));
    }

    private static Question asked(String hex) {
        assertThat(read(hex)).isInstanceOf(Question.Read.Asked.class);
        return ((Question.Read.Asked) read(hex)).question();
    }

    @Test
    void aPlainOne() {
        Question question = asked(HEAD + WWW + "0001 0001");
        assertThat(question.id()).isEqualTo(0xabcd);
        assertThat(question.recursionDesired()).isTrue();
        assertThat(question.name()).isEqualTo("www.example");
        assertThat(question.type()).isEqualTo(Question.A);
        assertThat(question.internet()).isTrue();
        assertThat(question.udpSize()).isEqualTo(512);
        assertThat(question.extended()).isFalse();
    }

    @Test
    void whatTheClientTakesByUdpStandsInItsOptRecord() {
        String head = "abcd 0100 0001 0000 0000 0001 " + WWW + "001c 0001 ";
        assertThat(asked(head + "00 0029 04d0 00000000 0000").udpSize()).isEqualTo(1232);
        assertThat(asked(head + "00 0029 0010 00000000 0000").udpSize())
                .as("less than everybody takes")
                .isEqualTo(512);
        assertThat(asked(head + "00 0029 04d0 00000000 0004 000a0000").extended())
                .isTrue();
    }

    @Test
    void aDotInsideALabelIsNoneBetweenTwo() {
        assertThat(asked(HEAD + "03612e62 00 0001 0001").name()).isEqualTo("a\\.b");
        assertThat(asked(HEAD + "00 0002 0001").name()).isEmpty();
    }

    @Test
    void whatIsNoQueryIsRefusedAsFarAsItCanBe() {
        assertThat(read("abcd 0100 0000 0000 0000 0000"))
                .isEqualTo(new Question.Read.Refused(0xabcd, true, Question.Refusal.FORMAT_ERROR));
        assertThat(read("abcd 0000 0002 0000 0000 0000" + WWW + "00010001" + WWW + "00010001"))
                .isEqualTo(new Question.Read.Refused(0xabcd, false, Question.Refusal.FORMAT_ERROR));
        assertThat(read("abcd 2800 0001 0000 0000 0000" + WWW + "00010001"))
                .as("an update")
                .isEqualTo(new Question.Read.Refused(0xabcd, false, Question.Refusal.NOT_IMPLEMENTED));
    }

    @Test
    void whatCannotBeReadIsMalformed() {
        var malformed = new Question.Read.Malformed();
        assertThat(read("")).isEqualTo(malformed);
        assertThat(read("abcd")).isEqualTo(malformed);
        assertThat(read("abcd 8100 0001 0000 0000 0000" + WWW + "00010001"))
                .as("an answer")
                .isEqualTo(malformed);
        assertThat(read(HEAD + "c00c 0001 0001")).as("a name that is itself").isEqualTo(malformed);
        assertThat(read(HEAD + "0377")).as("a label that is cut off").isEqualTo(malformed);
        assertThat(read(HEAD + WWW + "0001")).as("no class").isEqualTo(malformed);
        assertThat(read(HEAD + ("3f" + "61".repeat(63)).repeat(4) + "00 0001 0001"))
                .as("a name of 257 bytes")
                .isEqualTo(malformed);
        assertThat(read("abcd 0100 0001 0000 0000 0001 " + WWW + "0001 0001 00 0029 04d0 00000000 0009 00"))
                .as("a record that is cut off")
                .isEqualTo(malformed);
        assertThat(read("abcd 0100 0001 ffff ffff ffff " + WWW + "0001 0001"))
                .as("records that are not there")
                .isEqualTo(malformed);
    }

    @Test
    void nothingThatComesIsTooMuch() {
        var random = new Random(11);
        ByteBuf good = Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(
                ("abcd 0100 0001 0000 0000 0001 " + WWW + "001c 0001 00 0029 04d0 00000000 0000").replace(" ", "")));
        for (int i = 0; i < 20_000; i++) {
            ByteBuf bent = good.copy(0, random.nextInt(good.readableBytes() + 1));
            for (int j = random.nextInt(4); j > 0 && bent.isReadable(); j--) {
                bent.setByte(random.nextInt(bent.readableBytes()), random.nextInt(256));
            }
            assertThat(Question.read(bent)).isNotNull();
            bent.release();
        }
    }

    @Test
    void anAnswerIsToThisQuestionOrToNone() {
        Question question = asked(HEAD + WWW + "0001 0001");
        String tail = "03777777 07 6558414d504c45 00 0001 0001";
        assertThat(answers(question, "1234 8180 0001 0000 0000 0000" + tail)).isTrue();
        assertThat(answers(question, "1235 8180 0001 0000 0000 0000" + tail))
                .as("another number")
                .isFalse();
        assertThat(answers(question, "1234 0180 0001 0000 0000 0000" + tail))
                .as("no answer")
                .isFalse();
        assertThat(answers(question, "1234 8180 0001 0000 0000 0000" + tail.replace("6558", "6559")))
                .as("another name")
                .isFalse();
        assertThat(answers(question, "1234 8180 0001 0000 0000 0000" + WWW + "001c0001"))
                .as("another type")
                .isFalse();
        assertThat(answers(question, "1234 8180 0001 0000 0000 0000" + WWW)).isFalse();
        assertThat(answers(question, "1234 8182 0000 0000 0000 0000"))
                .as("a refusal")
                .isTrue();
        assertThat(answers(question, "1234 8180 0000 0000 0000 0000")).isFalse();
    }

    private static boolean answers(Question question, String hex) {
        return question.isAnsweredBy(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", ""))), 0x1234);
    }
}
