/*
 * words_faults.c
 *		The vocabulary, second part: phrases for faults and refusals, for the
 *		command that a reply belongs to, and phrases that would mislead.
 */
#include "replies/concepts.h"

const Phrases cs_fault_phrases[] = {
	/* ---- the sender's reputation ---- */
	{LISTED, "en",
		"blacklist*|black list|black listed|black listing|blocklist*|block list|block lists|blocked list|"
		"denylist*|deny list|rbl|dnsbl|dnsrbl|is listed|listed in|listed by|listed at|listed on|"
		"realtime blackhole|blackhole list|dnswl|bl listed|local blocklist|blocked using|block listed|*spamhaus*|"
		"*spamcop*|*barracudacentral*|*sorbs.net*|*abuseat*|*spamrats*|*surbl*|*uribl*|*dnsbl*|*uceprotect*|"
		"*invaluement*|*psbl.*|*mailspike*|cloudmark|csi.cloudmark*|spam source|banned ip|banned sending ip|"
		"open relay|open proxy|dynamic ip|dynamic address|dialup|dial up|residential ip|dul|cdrbl|aup|abusive|"
		"abuse detected from|blocked for abuse|blocked for spamming|for spamming|s3140|s3150|"
		"part of their network|*ipcheck.proofpoint*|pdr0*"},
	{LISTED, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"schwarze liste|schwarzen liste|sperrliste|liste noire|listes noires|lista negra|listas negras|"
		"lista nera|liste nere|czarnej liscie|czarna lista|czarnych list*|cerne listine|cernou listinu|"
		"blacklistu|zwarte lijst|ブラックリスト|черном списке|черный список|черных списк*|черные списки|"
		"чорному списку|黑名单|黑名單|kara liste|kara listede|karaliste|incident de spam|блокировка спама|"
		"svartlist*|blokliste"},
	{REPUTATION, "en",
		"reputation|poor reputation|low reputation|bad reputation|senderbase|senderscore|sender score|talos|"
		"reputación|reputação|reputazione|reputac*|reputatie|репутаци*|信誉|信譽|レピュテーション|itibar*|rufs|"
		"trustworthiness|hl rep|user complaints|complaints|unexpected volume"},
	{SPAM, "all",
		"spam|spammy|unsolicited|junk|junk mail|bulk mail|bulk email|uce|ube|spam message|spamming|scored as|"
		"spam like|likely spam|phishing|scam|suspicious|suspected|suspicion|dt spm|gtube|spamverdacht|werbung|"
		"unerwünscht|pourriel|indesirable|indesirables|correo no deseado|nao solicitado|indesiderata|niechcian*|"
		"nevyzadan*|ongewenst|ongewenste|迷惑メール|スパム|спам*|垃圾邮件|垃圾郵件|垃圾|istenmeyen|skrappost|"
		"uonsket|스팸|unsolicitedmessageerror|mcspam*|bayes|high probability of|cmae*|spamassassin|rspamd|"
		"spam filter|ofr 506|fingerprint|message blocked as"},
	{VIRUS, "all",
		"virus|viruses|malware|trojan|worm|infected|eicar*|virenverdacht|virensignatur|schadsoftware|maliciel|"
		"wirus*|zlosliw*|вирус*|вредонос*|病毒|ウイルス|ウィルス|zararlı|virusinfected|ransomware|malicious|"
		"clamav|exploit|dangerous attachment|infetto"},
	{POLICY, "en",
		"policy|policies|policy reasons|policy violation|local policy|policy restrictions|security policy|"
		"security policies|administrative prohibition|administratively prohibited|site policy|against our rules|"
		"terms of service|acceptable use|envelope blocked|content policy|compliance|host network not allowed|"
		"security issue|restricted|restriction|restrictions|transport rule|transport.rules*|mail rule|"
		"rules reject*|*transport.rules*|anti spam policy|blocked by filter"},
	{POLICY, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"richtlinie|richtlinien|politique|politiques|regle|politica|politicas|directiva|directivas|norma|normas|"
		"politiche|polityk*|zasad*|pravid*|beleid|beleidsregels|ポリシー|политик*|правил*|策略|政策|规则|"
		"politika*|ilkesi|kuralı"},
	{AUTHENTICITY, "all",
		"spf|dkim|dmarc|arc|spf fail|spf check|sender policy framework|domainkeys|domain key|sender id check|"
		"purported responsible|authentication checks|authentication check|authentication results|unauthenticated|"
		"unauthenticated email|is unauthenticated|authentication information|not authenticated email|"
		"dmarc policy|spf softfail|multiple authentication|email authentication|sender authentication|"
		"message authentication|not permitted sender|not allowed to send mail from|not authorized to send from|"
		"not authorized to use|is not authorized to send|not permitted to send mail|not designated|*dmarc*|"
		"*openspf*|spoof*|forged|spoofing|送信ドメイン認証|signature verification|*dmarcrejection*|impersonat*|"
		"anti spoofing|uwierzytelnienie nadawcy|authentifizierung des absenders"},
	{LOGIN, "en",
		"authentication required|authentication is required|auth required|must authenticate|"
		"must be authenticated|smtp authentication|smtp auth|please authenticate|not authenticated|not logged in|"
		"login required|log in first|need to authenticate|authenticate first|client was not authenticated|"
		"resolver.rst.auth*|resolver.rst.senderauth*|pop before smtp|check your mail first|credentials|"
		"authentication failed|authentication unsuccessful|smtp server of your isp|"
		"unauthenticated senders not allowed|email address is not verified|identities failed the check|"
		"username and password|invalid login|authentifizierung erforderlich|authentification requise|"
		"autenticacion requerida|autenticacao necessaria|autenticazione richiesta|wymagane uwierzytelnienie|"
		"vyzadovano overeni|verificatie vereist|認証が必要|требуется аутентификация|需要认证|需要身份验证|"
		"kimlik doğrulama gerekli|unauthenticated senders|outbound smtp"},
	{RELAY, "all",
		"relay|relaying|relayed|relay access|relays|relaying denied|relay denied|relaymail|relaying mail|relais|"
		"relaismail|do not relay|unable to relay|open relays only|weiterleiten nicht|weiterleitung nicht|"
		"no relaying|retransmision|transito|中継|リレー|релей|ретрансляци*|пересылка запрещена|转发|中转|aktarım|"
		"aktarma|relaytest|przekazywanie|we dont handle mail|allowed rcpthosts|rcpthosts|dont relay|"
		"we do not relay|not configured to relay|not a relay"},
	{REVERSE_DNS, "all",
		"reverse dns|rdns|ptr|ptr record|ptr records|reverse lookup|reverse hostname|reverse address|"
		"reverse name|dns ptr|resource record|forward confirmed|fcrdns|find your hostname|"
		"find your reverse hostname|cannot find your hostname|cannot resolve your|invalid rdns|"
		"unverifyable sending|unverifiable sending|mismatches client ip|your hostname|your host name|no reverse|"
		"inverse|resolution inverse|dns inverso|dns inverse|odwrotny dns|reverzni|reverzni dns|逆引き|"
		"обратный dns|обратная зона|ptr запис*|反向解析|ters dns|client hostname|hostname lookup|"
		"does not resolve to|does not match ip|name does not match|generic hostname|generic ptr|generic rdns"},
	{HELO, "all",
		"helo|ehlo|helo command|helo name|helo argument|helo hostname|my name was rejected|ehlo argument"},
	{TLS, "all",
		"tls|starttls|ssl|encryption|encrypted|certificate|cipher|handshake|tlsa|dane|mta sts|sts policy|"
		"verschlüsselung|chiffrement|cifrado|criptografia|cifratura|szyfrowani*|sifrovan*|暗号化|шифрован*|加密|"
		"şifreleme|must issue a starttls|zertifikat"},
	{TOO_MANY, "all",
		"too many|zu viele|trop de|demasiados|demasiadas|demasiado|excesso de|muitas|muitos|troppi|troppe|"
		"zbyt wiele|zbyt wielu|prilis mnoho|te veel|多すぎ*|слишком много|превышен лимит|过多|太多|次数过多|"
		"过于频繁|çok fazla|too much|excessive|excess|liian monta|för många"},
	{RATE, "all",
		"rate|rates|rate limit|rate limited|ratelimit*|rate limiting|frequency|frequency limited|throttl*|"
		"too quickly|too fast|slow down|too frequent*|at a rate|message limit|messages per|per hour|per minute|"
		"per day|hourly|daily|sending limit|receiving rate|quota for sender|volume limits|exceeded the rate|"
		"unusual rate|limit for today|too often|too busy from|concurrent|concurrency|simultaneous|sending quota|"
		"max defers|mails per|emails per|domain limit|service permits|geschwindigkeit|nachrichten pro|frecuencia|"
		"taxa de envio|frequenza|czestotliwosc|rychlost|snelheid|頻度|送信制限|частот*|слишком част*|频率|頻率|"
		"发送频率|sıklık|hız sınırı|cadence|ralentir|over their quota of messages|limite d envoi|ratelimited|"
		"retry will not succeed"},
	{GREYLIST, "all",
		"greylist*|graylist*|grey list|grey listed|grey listing|gray list|gray listed|gray listing|greylisted|"
		"grauliste|graue liste|liste grise|listes grises|lista gris|lista cinza|lista grigia|szara lista|"
		"szarej liscie|sedy seznam|grijze lijst|グレイリスト|グレーリスト|серый список|серых спис*|серого списка|"
		"灰名单|灰名單|gri liste|postgrey|sqlgrey|milter greylist|please try again in a few minutes|"
		"first attempt|unknown triplet|early retry|deferred first"},
	{LOOP, "all",
		"too many hops|hop count|hop count exceeded|hops exceeded|mail loop|mail loops|loop detected|looping|"
		"loops back|routing loop|forwarding loop|mailloop|mail loop detected|mailschleife|schleife|boucle|bucle|"
		"loop de|zapetlenie|smycka|lus gedetecteerd|ループ|зациклив*|петля|петл*|循环|döngü|received headers"},
	{EXPIRED, "all",
		"for too long|not going to try again|i m not going to try again|retry timeout|message expired|"
		"delivery time expired|envelope expired|retry time not reached|queue too long|in queue too long|"
		"in the queue too long|giving up|could not be delivered for|not delivered within|delivery expired|"
		"retries exceeded|attempts exhausted|multiple retries|message too old|queue.expired|"
		"queue expired|expired|max retries|retry limit|retry time|deliver this message after|"
		"unable to deliver in|was not delivered within|failed attempts|delivery failed 20 attempts|"
		"delivery timeout|message timeout|maximum delivery time|time limit|lifetime|delivery retry|deadline|"
		"too long in queue|zu lange|abgelaufen|expire|expirou|caducado|scaduto|wygasl*|vyprsel*|verlopen|"
		"期限切れ|истек*|истёк|过期|超时未|süresi doldu|has expired|retention"},
	{NETWORK, "en",
		"find a gateway|find a route|timed out|timeout|time out|connection refused|connection reset|"
		"connection lost|lost connection|connection dropped|connection closed|no route to host|"
		"network unreachable|network is unreachable|host unreachable|unable to connect|could not connect|"
		"cant connect|cannot connect|failed to connect|socket error|no answer from host|network error|"
		"not accept our requests to connect|connect to|connection failure|connection failed|unable to contact|"
		"conversation with|establish an smtp connection|being unable to connect|not responding|did not respond|"
		"no response|operation timed out|host is down|all relevant mx|no connection|all hosts|connection error|"
		"bad connection|smtp protocol error|remote protocol error|network problem|unable to reach|"
		"could not be contacted|not accepting connections|socket"},
	{NETWORK, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"zeitüberschreitung|nicht erreichbar|verbindung verweigert|keine verbindung|verbindung fehlgeschlagen|"
		"verbindung abgebrochen|delai depasse|connexion refusee|connexion impossible|injoignable|"
		"tiempo de espera|conexion rechazada|sin conexion|tempo esgotado|conexao recusada|tempo limite|"
		"tempo scaduto|connessione rifiutata|connessione scaduta|przekroczono czas|polaczenie odrzucone|"
		"odmowa polaczenia|brak polaczenia|vyprsel casovy limit|spojeni odmitnuto|nelze se pripojit|"
		"verbinding geweigerd|time out verbinding|タイムアウト|接続できません|接続を拒否|接続に失敗|"
		"время ожидания|соединение отклонено|соединение прервано|тайм аут|таймаут|превышено время|连接超时|"
		"连接失败|连接被拒绝|無法連線|zaman aşımı|bağlantı reddedildi|bağlanılamadı|bağlantı kurulamadı"},
	{DNS, "all",
		"dns|dns error|dns lookup|name service|name service error|name server reply|servfail|dns failure|"
		"dns server|dns query|nameserver|a record|mx lookup|resolution|lookup of|dns fehler"},
	{TEMPORARY, "en",
		"temporarily|temporary|try again later|try later|please try later|retry later|please retry later|"
		"transient|deferred|come back later|try again in|momentarily|later|retry again|tempfail|"
		"try again shortly|permanently deferred|later again|try again|soft reject|retrying|temporal"},
	{TEMPORARY, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"vorübergehend|zeitweilig|zur zeit|zurzeit|derzeit|später|temporär|temporaire|temporairement|"
		"momentanement|plus tard|reessayer|reessayez|temporalmente|mas tarde|intente|momento|temporario|"
		"temporariamente|mais tarde|temporaneo|temporaneamente|momentaneamente|piu tardi|riprovare|tymczasow*|"
		"chwilow*|pozniej|docasn*|pozdeji|tijdelijk|later opnieuw|一時的|一時|後でもう一度|しばらく|временно|"
		"временн*|позже|повторите|暂时|暫時|稍后|稍後|临时|geçici|daha sonra|tillfallig*|senare|midlertidig*|"
		"senere"},
	{BUSY, "all",
		"too much load|busy|overload*|load too high|system load|high load|service unavailable|"
		"service not available|service currently unavailable|service is currently unavailable|"
		"currently unavailable|temporarily unavailable|internal resources|resources temporarily|resources|"
		"shutting down|maintenance|not available now|server too busy|closing transmission channel|"
		"closing connection|unable to accept|cannot accept|overloaded|insufficient resources|out of memory|"
		"try later|no smtp service|überlastet|ausgelastet|wartung|surcharge|service indisponible|indisponible|"
		"occupe|sobrecargado|no disponible|ocupado|indisponivel|sobrecarregado|non disponibile|occupato|"
		"sovraccarico|niedostepn*|przeciazon*|zajety|nedostupn*|pretizen*|overbelast|niet beschikbaar|混雑|"
		"ビジー|利用できません|サービス停止中|недоступ*|перегружен*|занят|系统繁忙|繁忙|不可用|服务不可用|meşgul|"
		"kullanılamıyor|aşırı yük|service refuse|service refused"},

	/* ---- sizes ---- */
	{FULL, "all",
		"zaplnen*|geen ruimte|onvoldoende ruimte|нет места|места нет|недостаточно места|закончилось место|"
		"yer kalmadı|yer yok|yetersiz alan|kein platz|kein speicherplatz|nicht genügend speicherplatz|"
		"plus de place|espace insuffisant|sin espacio|no hay espacio|falta de espacio|espacio insuficiente|"
		"sem espaço|espaço insuficiente|spazio insufficiente|spazio esaurito|brak miejsca|nedostatek mista|"
		"neni misto|neni dost mista|空间不足|容量不足|空間不足|空間已滿|full|voll|überfüllt|ueberfuellt|volle|"
		"pleine|plein|saturee|llena|lleno|saturado|saturada|cheia|cheio|lotada|lotado|piena|pieno|pelna|pelny|"
		"przepelnion*|zapelnion*|plna|plny|preplnen*|vol|overvol|満杯|いっぱい|一杯|満|空き容量|переполнен*|"
		"заполнен*|已满|满了|爆满|已滿|满|dolu|doldu|dolmuş|full mailbox|fullt|fuld|fylt|taynna|megtelt|betelt|"
		"plin|plina|가득|γεμάτο|no space left|no space|overfull|out of space|out of storage|insufficient storage|"
		"not enough storage|not enough space|overflow*|overdrawn|storage is full|exceeded its storage"},
	{QUOTA, "all",
		"quota|quotas|over quota|overquota*|quota exceeded|quotaexceeded|storage|storage limit|"
		"storage allocation|storage quota|mailbox size|mailbox limit|mailbox size limit|size of the mailbox|"
		"allowed size|disk quota|mail quota|allotted|allocated|speicherplatz|speicherlimit|kontingent|"
		"quota superata|espace de stockage|almacenamiento|espacio|cuota|cota|armazenamento|spazio|"
		"limit pojemnosci|pojemnosc*|kvota|kvot*|kapacit*|opslag|opslagruimte|quotum|容量|квот*|配额|容量上限|"
		"空间|容量超|kota*|kotası|user quota|msg size over quota|mailbox would exceed|mailbox has exceeded|"
		"local limit"},
	{EXCEEDED, "all",
		"atingiu|atingido|alcanzado|alcanzo|alcanzada|raggiunto|raggiunta|atteint|atteinte|osiagniet*|osiagnal*|"
		"dosazen*|dosahl*|dolduruldu|ulasildi|ulasti|достигнут*|达到|用完|达上限|達し*|exceed|exceeds|exceeded|exceeding|"
		"reached|insufficient|not enough|limit|exceeded the limit|would exceed|surpassed|überschritten|"
		"überschreitet|erschöpft|uebersteigt|übersteigt|erreicht|depasse|depassee|excede|excedido|excedida|"
		"superado|superada|supera|excedeu|ultrapassou|ultrapassada|superata|superato|przekroczon*|przekracza|"
		"prekrocen*|prekracuje|overschreden|overschrijdt|bereikt|超え*|超過|超えています|превышен*|превышает|исчерпан*|超过|"
		"超出|超限|超額|aşıldı|aştı|aşıyor|overskred*|overskrid*|quota full"},
	{LARGE, "all",
		"larger than|bigger than|longer than|too large|too big|too long|too large for|zu groß|zu gross|zu lang|"
		"trop volumineux|trop grand|trop gros|trop long|demasiado grande|demasiado largo|muito grande|"
		"grande demais|troppo grande|troppo lungo|zbyt duz*|za duz*|prilis velk*|moc velk*|te groot|大きすぎ*|"
		"слишком больш*|过大|太大|過大|çok büyük|for stor|size limit|maximum size|maximum message size|"
		"message size|max message size|message length|fixed limit|maximum allowed size|message size limit|"
		"size exceed*|size of your message|zulässige größe|maximale größe|taille maximale|taille du message|"
		"tamaño maximo|tamanho maximo|dimensione massima|dimensioni massime|maksymalny rozmiar|"
		"maksymalna wielkosc|rozmiar wiadomosci|maximalni velikost|velikost zpravy|maximale grootte|邮件大小|"
		"recipsizelimit|line limit|line length"},
	{SIZE, "all",
		"size|サイズ|размер*|大小|boyut*|grootte|größe|taille|tamaño|tamanho|dimensione|dimensioni|rozmiar|"
		"velikost|length|storlek"},

	/* ---- refusals ---- */
	{REJECTED, "en",
		"not currently being accepted|not being accepted|no longer accepted|does not comply|not comply|rejected|"
		"reject|rejecting|rejects|refused|refuse|refusing|denied|deny|not accepted|not accept|unacceptable|"
		"not allowed|not permitted|disallowed|declined|discarded|prohibited|bounced|not be accepted|"
		"will not accept|wont accept|dropped|turned away|not wanted|unwanted|not acceptable|filtered"},
	{REJECTED, "de, fr, es, pt, it",
		"abgelehnt|abgewiesen|verweigert|zurückgewiesen|nicht angenommen|nicht akzeptiert|nicht erlaubt|refusee|"
		"rejete|rejetee|interdit|interdite|non autorise|pas autorise|rechazado|rechazada|rechazo|denegado|"
		"denegada|no permitido|no aceptado|rejeitado|rejeitada|recusado|recusada|negado|nao permitido|nao aceita|"
		"rifiutato|rifiutata|respinto|respinta|negato|non consentito|non accettato"},
	{REJECTED, "pl, cs, nl, ja, ru, zh, tr",
		"odrzucon*|odrzucil|odmow*|zabronion*|niedozwolon*|odmitnut*|zamitnut*|nepovolen*|zakazan*|geweigerd|"
		"afgewezen|niet toegestaan|niet geaccepteerd|拒否*|受け付けませ*|受け付けられませ*|許可されていません|"
		"отклонен*|отказан*|отвергнут*|запрещен*|не принят*|не разрешен*|拒绝|拒絕|拒收|被拒|被退回|不允许|退信|"
		"reddedil*|kabul edilm*|izin veril*|avvisad*|nekad*|afvist|avvist|거부"},
	{ACCESS_DENIED, "all",
		"access denied|permission denied|access not allowed|access forbidden|zugriff verweigert|acces refuse|"
		"acceso denegado|acesso negado|accesso negato|odmowa dostepu|pristup odepren|toegang geweigerd|"
		"アクセス拒否|アクセスが拒否|доступ запрещен|доступ закрыт|访问被拒绝|erişim reddedildi|denied access"},
	{FORBIDDEN, "all",
		"not authorized|not authorised|unauthorized|unauthorised|no permission|not permitted to send|"
		"not allowed to send|you are not allowed|do not have permission|not have permission|"
		"delivery not authorized|forbidden|no access|nicht berechtigt|keine berechtigung|non autorise a|"
		"no autorizado|nao autorizado|non autorizzato|brak uprawnien|neopravnen*|niet gemachtigd|"
		"権限がありません|権限がない|нет прав|无权|無權|没有权限|yetkiniz yok|only accepts|accepts mail only|"
		"accepts messages only|will only accept|sendernotauth*|notauthorized|restricted to"},
	{SYNTAX, "all",
		"malformed address|syntax error|syntax|command not recognized|unrecognized command|command unrecognized|"
		"command not implemented|not implemented|parameter not implemented|command parameter|"
		"unrecognized parameter|unimplemented|protocol error|invalid command|command rejected|line too long|"
		"commands out of order|pipelining|sequence of commands"},
	{NOTHING, "en",
		"need rcpt|need mail|rcpt first|bad sequence|sequence of commands|out of sequence|no valid recipients|"
		"need rcpt command|too many errors|need rcpt recipient|no recipients|valid rcpt command must precede|"
		"nested mail command|send hello first|must have recipient"},
	{SYSTEM_ERROR, "all",
		"could not be stored|cannot be stored|internal error|internal server error|internal system error|"
		"system error|local error|mailer error|unknown mailer error|configuration error|server error|"
		"processing error|transaction failed|delivery error|local problem|misconfigur*|server configuration|"
		"out of memory|i o error|write error|read error|software error|could not process|unable to process|"
		"cannot process|error in processing|technical problem|temporary failure|temporary problem|"
		"temporary error|local delivery failed|unexpected error|unspecified error|unhandled exception|"
		"fatal error|exception|mapi*|storedrv*|remote content scan|milter|ldap server|ldap error|database error|"
		"duplicated message id|could not complete|local processing|mail system problem|interner fehler|"
		"systemfehler|erreur interne|erreur systeme|error interno|error del sistema|erro interno|erro do sistema|"
		"errore interno|errore di sistema|blad wewnetrzny|blad systemu|interni chyba|chyba systemu|interne fout|"
		"内部エラー|システムエラー|внутренняя ошибка|системная ошибка|内部错误|系统错误|系统内部错误|dahili hata|"
		"sistem hatası"},
	{FAILED, "en",
		"pipe to|child status|procmail|failed|fail|fails|failure|did not pass|does not pass|not pass|error|"
		"unsuccessful|fehlgeschlagen|echoue|echec|fallo|fallido|falhou|falha|fallita|fallito|nie powiodl*|"
		"selhal*|mislukt|失敗|エラー|失败|ошибка|не удалось|başarısız|not aligned|violates|unverifiable"},
	{UNAVAILABLE, "all",
		"unavailable|not available|cannot be reached|not reachable|unreachable|nicht verfügbar|non disponible|"
		"pas disponible|no disponible|indisponivel|non disponibile|non raggiungibile|недоступен"},
	{FAILED, "all",
		"undeliverable|cannot be delivered|could not be delivered|nicht zustellbar|unzustellbar|niedostarczaln*|"
		"nedorucitel*|onbestelbaar|配信できません|配信不能|недоставл*|无法投递|无法送达|無法投遞|投递失败|"
		"teslim edilemedi|iletilemedi|unable to deliver|could not deliver|cannot deliver|undelivered|"
		"was not delivered|wasnt delivered|not delivered|delivery failed|failed permanently|non remis|"
		"no entregado|nao entregue|non recapitato"},
	{NO_MAIL, "all",
		"does not accept mail|does not accept email|does not accept e mail|doesnt accept mail|"
		"doesnt accept email|does not receive mail|doesnt receive email|does not receive email|null mx|nullmx|"
		"no smtp service indicated|indicated no smtp service|indicates no smtp service|"
		"not accepting network messages|accepts no mail|never accepts mail|not configured to accept mail|"
		"does not handle mail|no mail service|no mail host|does not accept messages|accept mail for this domain|"
		"does not want mail|nimmt keine mails an|n accepte pas de courrier|no acepta correo|nao aceita e mails|"
		"non accetta posta|nie przyjmuje poczty|neprijima postu|accepteert geen mail|メールを受け付けていません|"
		"не принимает почту|不接收邮件|e posta kabul etmiyor"},
	{LOOKUP, "all",
		"lookup failure|lookup error|temporary lookup failure|lookup failed|verification temporarily|"
		"unable to verify|could not verify|verify callout|unable to look up|cannot look up|lookup"},
	{UNVERIFIED, "all",
		"unverified address|unverified|verification in progress|address verification|verification failed|"
		"verify failed|sender verify failed|sender verify|sender verification|callback verification|callout|"
		"callout verification|sender callback|not verified yet"},
	{NOTHING, "all",
		"not local|our system|this domain|this host|this site|local recipient table|virtual mailbox table|"
		"virtual alias table|relay recipient table|domino directory|name address book"},
	{SENT, "all",
		"message accepted|accepted for delivery|successfully delivered|delivered to mailbox"},
	{FORMAT, "en",
		"rfc 5322|rfc 2822|rfc compliant|not rfc|rfc violation|multiple addresses in from|multiple subject|"
		"duplicate header|missing header|missing from|no from|missing subject|missing date|improper use of|"
		"headers too large|header error|too many headers|multiple from|conforms to|bare cr|bare lf|lone cr or lf|"
		"lone cr|non compliant|noncompliant|invalid header|header line|missing message id|8 bit data|8bit data|"
		"malformed message|malformed mime"},
	{AUTOREPLY, "all",
		"out of office|out of the office|automatic reply|auto reply|autoreply|auto response|autoresponse|"
		"automated reply|automatically generated reply|vacation|on holiday|on leave|away from my|i am away|"
		"i will be away|maternity leave|abwesenheit*|nicht im büro|nicht im haus|außer haus|automatische antwort|"
		"im urlaub|reponse automatique|absence du bureau|absent du bureau|en conges|en vacances|"
		"actuellement absent|respuesta automatica|fuera de la oficina|de vacaciones|resposta automatica|"
		"fora do escritorio|de ferias|ausente do|ausencia temporaria|ausente de la|risposta automatica|"
		"fuori ufficio|in ferie|odpowiedz automatyczna|autoodpowiedz|poza biurem|na urlopie|automaticka odpoved|"
		"mimo kancelar|na dovolene|automatisch antwoord|automatische reactie|afwezig|niet op kantoor|"
		"met vakantie|自動応答|自動返信|不在にして*|不在の*|休暇|автоответ*|автоматический ответ|в отпуске|"
		"отсутствую|自动回复|自動回覆|外出|休假|otomatik yanıt|otomatik cevap|ofis dışında|izindeyim|"
		"automatiskt svar|autosvar|automaattinen|thank you for your message|thank you for your email|"
		"we have received your|your request has been received|read receipt|lesebestätigung|was read on|ferie"},
	{DELAYED, "all",
		"has been delayed|delivery delayed|delayed|still undelivered|will keep trying|keep trying|still trying|"
		"will be retried|delivery attempts will continue|has not yet been delivered|not yet been delivered|"
		"not yet delivered|undelivered after|will continue to try|verzögert|noch nicht zugestellt|"
		"weiterhin versuch*|retardee|retarde|pas encore|retrasado|se ha retrasado|demorado|atrasad*|atraso|"
		"ritardo|ritardata|opozni*|zpozden*|vertraagd|遅延|遅れ|задержан*|задержк*|延迟|gecikti|gecikme|"
		"you do not need to resend|no action is required|do not resend"},

	/* ---- the command that the reply belongs to ---- */
	{AT_GREETING, "en", "refused to talk to me"},
	{AT_CONNECT, "en",
		"after initial connection|initial connection|while receiving the initial server greeting|"
		"in reply to connect|after connect|after ehlo|after helo|in reply to ehlo command|"
		"in reply to helo command|in reply to ehlo|in reply to helo"},
	{AT_MAIL, "en",
		"in reply to mail from command|in reply to mail from|after mail from|did not like our mail from|"
		"but sender was rejected|mail from command|after pipelined mail from|my name was rejected"},
	{NOTHING, "en",
		"in reply to rcpt to command|in reply to rcpt to|after rcpt to|did not like our rcpt to|"
		"does not like recipient|rcpt to command|after pipelined rcpt to|smtp rcpt|following rcpt command|"
		"error following rcpt command"},
	{NOTHING, "en",
		"in reply to end of data command|in reply to end of data|in reply to data command|after end of data|"
		"did not like our final data|after data|failed after i sent the message|for text command|"
		"after pipelined end of data|data command|after sending the message"},

	/* ---- phrases that would mislead ---- */
	{NOTHING, "en",
		"reply to|remote host said|host said|smtp error from remote mail server|smtp error from remote server|"
		"smtp error from remote mailer|from unknown|unknown reason|unknown error|unknown problem|unknown command|"
		"unknown state|unknown status|unknown response|reason unknown|cause unknown|unknown cause|"
		"unknown address error|relay none|for more information|for explanation|not available for|"
		"double checking the recipient s email address|recipient s email address for typos|"
		"email address for typos|typos or unnecessary spaces|r dnslookup|t remote smtp|check your|contact your|"
		"contact the administrator|administrator of|help you|contact your system administrator|"
		"your system administrator|please contact|support.google.com|best protect our users from spam|"
		"protect our users from spam|reduce the amount of spam|anti spam|name and address|no later than|not only|"
		"if you believe|message id|postfix smtp|postfix qmgr|error codes|error messages|error code|"
		"was rejected by the recipient domain|rejected by the server for the recipient domain|"
		"by the recipient domain|error that the other server returned was|error in reply|for users|in error|"
		"in its|account manager|account information|user agent|access to this mail system|accessible name|"
		"remote mta|reporting mta|with the sender|to the sender|returned to sender|by name|by sender|"
		"the recipient directly|ask the recipient|notify the recipient|inform the recipient|direct the recipient|"
		"direct the recipient to|the intended recipient|intended recipient|contact the recipient|"
		"the other recipients|other recipients|and other recipients in the same domain|other addresses|"
		"customer service|customer support|client certificate|mail client|your mail client|the delivery|"
		"full name|full header|full headers|in full|please check the|check the address|check the domain|"
		"and try again|check all recipients|over the|over tls|over ipv6|over ipv4|esmtp service|disk full error|"
		"unknown protocol|to this list|list of|see list|from this list|removal from this list|"
		"removed from this list|to be removed|get removed|to remove|user s mailbox rules|mailbox rules|"
		"smtp server responded|delivery to the following recipient|of the following recipients|"
		"the following address es failed"},
	{NOTHING, NULL, NULL}
};
