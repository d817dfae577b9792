/*
 * words_subjects.c
 *		The vocabulary, first part: phrases for subjects, for existence, and for the
 *		state of a mailbox.
 *
 * Letters count without case and accents, and any punctuation as a blank.  A
 * phrase takes precedence over the phrases within it: "sender address" is the
 * sender, although "address" alone is not.
 */
#include "replies/concepts.h"

const Phrases cs_subject_phrases[] = {
	/* ---- subjects ---- */
	{RECIPIENT, "en",
		"recipient|recipients|recipient address|recipient email address|recipient s email address|"
		"recipients email address|user|users|username|user name|mailbox|mailboxes|mail box|inbox|account|"
		"accounts|mail account|email account|e mail account|addressee|alias|customer|subscriber|email address|"
		"e mail address|mail address|destination address|destination mailbox|destination mailbox address|"
		"to address|rcpt to|rcpt|local part|mailfolder|mail folder|resolver.adr.recip*|resolver.adr.exrecip*|"
		"employee|somebody by that name|anyone by that name|user account|mail drop|maildrop|forward path|recip"},
	{RECIPIENT, "de",
		"empfänger|empfängers|empfaenger|empfängeradresse|empfänger adresse|benutzer|benutzers|benutzerkonto|"
		"benutzername|nutzer|postfach|postfachs|postfaches|konto|adressat|teilnehmer|mailadresse|emailadresse|"
		"e mail adresse|email adresse|mailkonto|kunde|zieladresse"},
	{RECIPIENT, "fr",
		"destinataire|destinataires|adresse d au moins un destinataire|adresse destinataire|"
		"adresse du destinataire|utilisateur|utilisateurs|boite|boites|boite aux lettres|boite mail|"
		"boite de reception|compte|abonne|messagerie du destinataire|adresse e mail|adresse mail|adresse email|"
		"adresse electronique"},
	{RECIPIENT, "es",
		"destinatario|destinatarios|usuario|usuarios|buzon|casilla|cuenta|direccion de correo|"
		"direccion de correo electronico|direccion del destinatario|direccion de destino|direccion de email|"
		"abonado|bandeja de entrada"},
	{RECIPIENT, "pt",
		"utilizador|caixa|caixa postal|caixa de correio|caixa de entrada|caixa de e mail|conta|endereco|"
		"endereco de email|endereco de e mail|endereco do destinatario|endereco de correio|assinante"},
	{RECIPIENT, "it",
		"destinatari|utente|utenti|casella|casella di posta|casella postale|indirizzo|indirizzo email|"
		"indirizzo e mail|indirizzo di posta|indirizzo del destinatario|posta in arrivo|mailbox del destinatario"},
	{RECIPIENT, "pl",
		"odbiorc*|adresat*|uzytkownik*|skrzynk*|konta|kont|adres odbiorcy|adres e mail|adres email|adres poczty"},
	{RECIPIENT, "cs",
		"prijem*|uzivatel*|schrank*|ucet|uctu|adresa prijemce|emailova adresa|e mailova adresa"},
	{RECIPIENT, "nl",
		"ontvanger|ontvangers|geadresseerde|gebruiker|gebruikersnaam|postbus|brievenbus|postvak|mailadres|"
		"e mailadres|e mail adres|emailadres"},
	{RECIPIENT, "ja",
		"受信者|受取人|宛先|宛先アドレス|ユーザー|ユーザ|ユーザー名|アカウント|メールボックス|メールアドレス|"
		"メールボツクス|あて先|送信先|受信箱"},
	{RECIPIENT, "ru",
		"получател*|адресат*|пользовател*|ящик*|аккаунт*|учетная запись|учетной записи|почтовый ящик|"
		"адрес получателя|абонент*|адрес электронной почты|почтовый адрес|отримувач*|одержувач*|користувач*|"
		"скриньк*"},
	{RECIPIENT, "zh",
		"收件人|收件者|用户|用戶|使用者|邮箱|信箱|郵箱|邮件地址|邮箱地址|電子郵件地址|收件地址|帐号|账号|帳號|"
		"帐户|账户|对方邮箱|收信人|信箱地址"},
	{RECIPIENT, "tr",
		"alıcı|alıcının|alıcı adresi|kullanıcı|kullanıcının|kullanıcı adı|posta kutusu|posta kutusunun|hesap|"
		"hesabı|hesabının|e posta adresi|eposta adresi|e posta hesabı"},
	{RECIPIENT, "sv, da, no, fi, hu, ro, ko, el",
		"mottagare|mottagaren|mottagarens|modtager|modtageren|mottaker|mottakeren|anvandare|anvandaren|bruger|"
		"brugeren|brevlada|postkasse|vastaanottaja*|kayttaja*|cimzett*|felhasznalo*|postafiok*|destinatarul|"
		"utilizator*|수신자|사용자|사서함|받는사람|받는 사람|계정|παραλήπτ*|χρήστη*|المستلم|المستخدم|"
		"صندوق البريد|הנמען|המשתמש|גמען|គណនី|ผู้รับ|người nhận|penerima|pengguna|kotak surat"},
	{ADDRESS, "en, de, fr, es, pl, cs, nl, zh, ja, ru, tr",
		"address|addresses|adresse|direccion|adres|adresa|adresy|地址|アドレス|адрес|адреса|adresi|adress"},
	{DOMAIN, "en",
		"domain|domains|domain name|host|hosts|hostname|host name|host or domain|host or domain name|"
		"recipient domain|recipient s domain|destination domain|destination server|mx|mx record|mail exchanger|"
		"mail exchangers|mx records|mx host|dns domain|destination host|destination system|"
		"destination system address|mail server for|email domain|dns name|recipient host|name server"},
	{DOMAIN, "de, fr, es, pt, it",
		"domäne|domaene|domäne des empfängers|domain des empfängers|empfängerdomain|rechnername|zielsystem|"
		"zielserver|domaine|nom de domaine|domaine du destinataire|hote|dominio|dominio del destinatario|"
		"nombre de dominio|servidor de destino|dominio do destinatario|nome di dominio|nome de dominio"},
	{DOMAIN, "pl, cs, nl, ja, ru, zh, tr",
		"domena odbiorcy|domena prijemce|domein van de ontvanger|收件人域名|alıcı alan adı|受信者のドメイン|"
		"domen*|domena|domeny|domene|домен*|домен получателя|domein|domeinnaam|ドメイン|ドメイン名|域名|网域|"
		"網域|主机|主機|alan adı|alan adının|etki alanı"},
	{SENDER, "en",
		"sender|senders|sender address|sender email address|sender s address|sender domain|sender s domain|"
		"sending domain|sender email|mail from|mail from address|from address|from domain|from header|"
		"envelope sender|envelope from|return path|return address|reverse path|originator|your address|"
		"your email address|your domain|from field|originating address|sending address|responsible address|"
		"sender id|mailfrom|gateway user|custom from|unauthenticated senders|your e mail address|sender mailbox|"
		"sender user|address of sender|address of the sender|sender account|your account|email from|"
		"bounce address"},
	{SENDER, "de, fr, es, pt, it, nl",
		"absender|absenders|absenderadresse|absenderdomain|absender domain|absenderdomäne|adresse des absenders|"
		"domain des absenders|expediteur|adresse de l expediteur|domaine de l expediteur|adresse expediteur|"
		"emetteur|adresse emettrice|remitente|direccion del remitente|dominio del remitente|remetente|"
		"endereco do remetente|dominio do remetente|emisor|mittente|indirizzo del mittente|indirizzo mittente|"
		"dominio del mittente|dominio mittente|casella del mittente|afzender|adres van de afzender|afzenderadres|"
		"domein van de afzender|verzender"},
	{SENDER, "pl, cs, ja, ru, zh, tr, ko, sv",
		"nadawc*|adres nadawcy|domena nadawcy|domeny nadawcy|odesilatel*|odesilate*|adresa odesilatele|"
		"domena odesilatele|送信者|送信元|送信元アドレス|送信者アドレス|送信ドメイン|差出人|発信者|отправител*|"
		"адрес отправителя|домен отправителя|发件人|發件人|寄件人|寄件者|发信人|发件人地址|发件人域名|发送方|"
		"发信方|gönderen|gönderici|gönderenin|gönderici adresi|gonderen adresi|보낸사람|발신자|avsandare*|"
		"afsender*|avsender*"},
	{CLIENT, "en",
		"client host|client|sending host|sending server|sending ip|sending mta|sending system|your ip|"
		"your ip address|your host|your server|your mail server|your network|ip address|ip addresses|ip|"
		"connecting ip|connecting host|source ip|source address|remote ip|client ip|sender ip|sender ip address|"
		"originating ip|your mta|your system|your isp|mail servers|part of their network|sending mail server|"
		"sender server|sender s ip|sender s server|source host|relay host|ips|mta|your hosting|connecting from|"
		"ehlo name"},
	{CLIENT, "de, fr, es, pt, it, nl",
		"ip adresse|ihre ip|ihre ip adresse|ihr server|ihr mailserver|einliefernder server|absendender server|"
		"adresse ip|votre ip|votre adresse ip|votre serveur|adresse ip source|direccion ip|su ip|su servidor|"
		"servidor remitente|endereco ip|seu ip|seu servidor|ip de origem|servidor remetente|indirizzo ip|"
		"indirizzo ip mittente|il tuo ip|il vostro server|server mittente|server del mittente|ip adres|uw ip|"
		"uw ip adres|uw server|verzendende server"},
	{CLIENT, "pl, cs, ja, ru, zh, tr",
		"adres ip|adresu ip|serwer nadawcy|serwera nadawcy|serwer nadawczy|ip adresa|ip adresy|vas server|"
		"server odesilatele|ipアドレス|送信元ip|送信元サーバー|送信元サーバ|接続元|接続元ip|ip адрес*|адрес ip|"
		"ip адрес отправителя|ваш ip|ваш сервер|сервер отправителя|发信ip|发件ip|发信服务器|ip地址|客户端ip|"
		"您的ip|发送ip|寄件者ip|来源ip|ip adresi|ip adresiniz|sunucunuz"},
	{MAIL, "en",
		"message|messages|mail|mails|email|emails|e mail|e mails|your message|your email|your mail|this message|"
		"letter|submission|bericht|nachricht|ihre nachricht|e mail nachricht|mitteilung"},
	{MAIL, "fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"courriel|courrier|votre message|mensaje|correo|mensagem|messaggio|posta|wiadomosc*|przesylk*|list|"
		"zprav*|zasilk*|メール|メッセージ|сообщени*|письм*|писем|邮件|信件|郵件|來信|来信|mesaj*|ileti|e posta|"
		"eposta|iletiniz"},
	{SERVER, "en",
		"server|system|service|mail server|mail system|mailer|this server|remote server|smtp server|serveur|"
		"servidor|serwer*|サーバー|サーバ|сервер*|服务器|伺服器|sunucu*|service smtp|ldap|database|directory"},
	{GROUP, "en",
		"mailing list|distribution list|distribution group|group|members only|this list|list|members of|"
		"member of|subscribers only|verteiler|mailingliste|liste de diffusion|lista de distribucion|"
		"lista de distribuicao|lista di distribuzione|lista dyskusyjna|メーリングリスト|グループ|рассылк*|群组|"
		"群組|grupo|grup|groupe|gruppo|grupa|skupina|gruppe|groups|المجموعة|ομάδα|گروه|گروهی|הקבוצה|קבוצה"},
	{CONTENT, "en",
		"content|contents|body|header|headers|attachment|attachments|attached file|file extension|file type|"
		"subject line|subject header|message id|mime|html|url in message|link|links|url|urls|to header|"
		"date header|lone cr|bare lf|bare newline|bare line feed|message header|8 bit|8bit|non ascii|charset|"
		"subject headers|smtputf8"},
	{CONTENT, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"inhalt|inhalts|anhang|anhänge|dateianhang|kopfzeile|kopfzeilen|contenu|piece jointe|pieces jointes|"
		"entete|entetes|en tete|contenido|adjunto|archivo adjunto|archivos adjuntos|cabecera|conteudo|anexo|"
		"anexos|cabecalho|contenuto|allegato|allegati|intestazione|tresc|tresci|zalacznik*|naglowek|obsah*|"
		"priloh*|hlavick*|inhoud|bijlage|bijlagen|本文|内容|添付ファイル|添付|ヘッダ*|ヘッダー|содержим*|"
		"содержание|вложени*|заголовок|заголовк*|附件|正文|信头|icerik|icerigi|ek dosya|eklenti"},
	{DISK, "en, de, fr, es, pt, it",
		"disk|disk space|system storage|file system|filesystem|spool|mail spool|disc|queue file|"
		"storage space on server|partition|device|festplatte|speicherplatz auf dem server|disque|espace disque|"
		"disco|espacio en disco|espaco em disco|spazio su disco|dysku|disku|ディスク|диск*|磁盘|磁碟|"
		"system resources|disc space|diskspace"},
	{CONNECTION, "en",
		"connection|connections|connections from|session|sessions|connections per|concurrent|simultaneous|"
		"connexion|connexions|conexion|conexiones|conexao|conexoes|connessioni|connessione|verbindung|"
		"verbindungen|polaczen*|pripojen*|verbinding|verbindingen|接続|соединени*|подключени*|连接|連線|bağlantı|"
		"baglanti"},

	/* ---- negation, existence ---- */
	{NOT, "en",
		"not|no|cannot|cant|doesnt|dont|isnt|arent|wasnt|werent|couldnt|wont|hasnt|havent|didnt|unable|never|"
		"neither|none|without"},
	{NOT, "de, fr, es, pt, it",
		"nicht|kein|keine|keinen|keiner|n|pas|aucun|aucune|ne|non|impossible|ningun|ninguna|sin|nao|nenhum|"
		"nenhuma|sem|nessun|nessuna"},
	{NOT, "pl, cs, nl, ja, ru, zh, tr",
		"nie|brak|neni|zadn*|niet|geen|いません|おりません|ません|ない|なく|できませ*|ありません|не|нет|"
		"отсутствует|不|没有|沒有|未|无|無|查无|değil|yok|yoktur|inte|ikke|ei|nem|nu|없*|δεν|няма|غير|μην|نباشد|"
		"ندارید|אינה|אין|לא|ليس|لا"},
	{EXIST, "en",
		"exist|exists|existing|find|found|known|recognized|recognised|listed|valid|registered|located|locate|"
		"here|live here|our user|our customer|identified|verified|match|matched|matches|a user here|our client|"
		"defined|resolve|resolved|resolvable|hosted|host a mailbox|have an account|belong|belongs|know|recognize|"
		"understand|resolver|handled here|served here|ours|correct"},
	{EXIST, "de, fr, es, pt, it",
		"encontro|hallado|hallada|hallo|localizado|localizada|localizar|localizzato|localizzata|localise|"
		"identificado|reconnu|reconnue|reconocido|reconocida|erkannt|zugeordnet|solcher|solche|solches|solchen|"
		"tal|hay tal|este nombre|ce nom|diesem namen|dieses namens|questo nome|com este nome|existiert|"
		"existieren|gefunden|gültig|bekannt|vorhanden|registriert|gibt es|auffindbar|ermittelt|aufgelöst|existe|"
		"existent|trouve|trouvee|trouver|valide|connu|connue|repertorie|enregistre|existen|encontrado|encontrada|"
		"encontrar|encuentra|valido|valida|registrado|conocido|conocida|encontrou|cadastrado|conhecido|esiste|"
		"esistono|trovato|trovata|trovare|registrato|conosciuto"},
	{EXIST, "pl, cs, nl, ja, ru, zh, tr",
		"met deze naam|deze naam|tej nazwie|tohoto jmena|該当|该|adında|istnieje|znaleziono|znaleziona|"
		"znaleziony|odnaleziono|ma takiego|ma takiej|takiego|zarejestrowan*|znany|prawidlowy|existuje|nalezen*|"
		"registrovan*|bestaat|gevonden|bekend|geldig|geregistreerd|存在|見つかり*|見つから*|見つかりませんでした|"
		"登録*|確認|существует|найден*|зарегистрирован*|такого|такой|найти|обнаружен*|找到|注册|有效|mevcut|"
		"bulun*|kayıtlı|tanımlı|geçerli|bilinen|finns|findes|finnes|hittades|fundet|funnet|loydy|letezik|"
		"talalhato|exista|gasit|찾을|존재|υπάρχει|βρέθηκε|موجود|موجودة|קיים|נמצא|ditemukan|tồn tại"},
	{NO_USER, "en",
		"no one here|nobody here|no person here|no such name|not found in ldap|not found in directory|"
		"not found in the directory|not found in database|not found on this server|not listed in directory|"
		"not in our directory|handle mail for that user|not host a mailbox|no such user|no such recipient|"
		"no such mailbox|no such account|no such address|no such person|no such alias|user unknown|unknown user|"
		"unknown recipient|recipient unknown|unknown address|address unknown|unknown mailbox|unknown account|"
		"no mailbox|no mailbox here|no mailbox by that name|no mail box|no account|no user|no recipient|"
		"no local mailbox|no one by that name|nobody by that name|user unk|nosuchuser|not our customer|"
		"not our user|does not live here|undeliverable address|unrouteable address|unroutable address|"
		"unknown or illegal|user not found|user not known|user doesn t exist|user doesnt exist|"
		"user does not exist|recipient not found|mailbox not found|account not found|address not found|"
		"this user doesnt have|not known here|user not exist|no such local user|no such person at this address|"
		"user not local|email address could not be found|invalid mailbox|invalid recipient|invalid recipients|"
		"invalid user|recipnotfound|unknown local part"},
	{MISSING, "en",
		"may not exist|unknown|no such|nonexistent|non existent|non existing|no longer exists|not exist|"
		"inexistent|unresolvable|nxdomain|not a known|unlisted|not found|unknown or invalid|doesnt have|"
		"does not have|not known at this|not listed|not registered|invalid or unknown|undefined|not here"},
	{MISSING, "de, fr, es, pt, it",
		"unbekannt|unbekannte|unbekannter|unbekanntes|unbekannten|nicht existent|existiert nicht|nicht gefunden|"
		"inconnu|inconnue|inconnus|n existe pas|introuvable|inexistant|inexistante|no existe|desconocido|"
		"desconocida|inexistente|no encontrado|no encontrada|desconhecido|desconhecida|nao existe|nao encontrado|"
		"nao encontrada|sconosciuto|sconosciuta|non esiste|inesistente|non trovato|non trovata"},
	{MISSING, "pl, cs, nl, ja, ru, zh, tr",
		"nieznan*|nie istnieje|nieistniejac*|nie znaleziono|nie ma takiego|neznam*|neexistuj*|nenalezen*|"
		"nebyl nalezen|nebyla nalezena|onbekend|onbekende|bestaat niet|niet gevonden|存在しません|存在しない|"
		"存在していません|見つかりません|見つかりませんでした|見つからない|不明|未登録|неизвест*|не существует|"
		"не найден*|несуществующ*|нет такого|не зарегистрирован*|不存在|找不到|未找到|未知|查无此人|查无此用户|"
		"无此用户|不存在的|无此|無此|查無此人|查無|bilinmeyen|bilinmiyor|mevcut değil|bulunamadı|bulunamıyor|"
		"böyle bir|okand|ukendt|ukjent|tuntematon|ismeretlen|necunoscut|없는|невідом*|άγνωστος"},
	{INVALID, "en",
		"fully qualified hostname|fully qualified address|fully qualified|invalid|bad|malformed|illegal|"
		"not valid|not a valid|incorrect|wrong|misformatted|not allowed mailbox name|improper|invaild|"
		"incorrectly|is invalid|cannot be verified|could not be verified"},
	{INVALID, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"ungültig|ungültige|ungültiger|fehlerhaft|falsch|falsche|invalide|invalides|incorrecte|errone|erronee|"
		"non valide|pas valide|invalido|invalida|no valido|no valida|no es valida|no es valido|incorrecta|"
		"incorrecto|incorreto|incorreta|non valido|non valida|errato|errata|nieprawidlow*|bledny|bledna|"
		"niepoprawn*|neplatn*|chybn*|spatn*|ongeldig|ongeldige|onjuist|無効|無効な|正しくありません|不正な|"
		"недействител*|неверн*|некорректн*|неправильн*|无效|無效|非法|错误的|geçersiz|hatalı|ogiltig*|ugyldig*"},
	{GONE, "en",
		"has moved|moved to|no forwarding address|no longer with|no longer works|no longer employed|has left|"
		"left the company|left the organization|retired|no longer at|no longer here|no longer uses|"
		"address has changed|address changed|new address|no longer works here|changed email|no longer in use|"
		"no longer used|no longer active|no longer valid|no longer available|no longer accepts mail|"
		"no longer receives|is gone|not in use|changed owner|changed owners|mailbox owner has changed|"
		"no longer monitored|no longer on server|ceased|obsolete|deceased"},
	{GONE, "de, fr, es, pt, it, pl, cs, nl, ja, ru, zh, tr",
		"nicht mehr|verzogen|neue adresse|umgezogen|ausgeschieden|plus utilisee|plus valide|plus active|"
		"n est plus|n existe plus|a quitte|nouvelle adresse|ya no existe|ya no trabaja|ya no|ya no esta en uso|"
		"nueva direccion|não existe mais|nao trabalha mais|mudou de|novo endereco|non e piu|non esiste piu|"
		"nuovo indirizzo|juz nie|nowy adres|zmienil adres|jiz neexistuje|uz neexistuje|nova adresa|niet meer|"
		"nieuw adres|移転|変更されました|退職|現在使われておりません|使われていません|больше не|сменил|已更换|"
		"已离职|不再使用|artık yok|değişti|artık kullanıl*"},
	{DELETED, "en",
		"deleted|removed|has been removed|erased|purged|decommissioned|gelöscht|entfernt|supprime|supprimee|"
		"eliminado|eliminada|borrado|excluido|excluida|apagada|removida|removido|eliminata|eliminato|cancellata|"
		"cancellato|rimossa|usuniet*|skasowan*|smazan*|zrusen*|verwijderd|削除*|удален*|已删除|已注销|已刪除|"
		"注销|被删除|silin*|silindi|raderat*|slettet"},
	{DISABLED, "en",
		"disabled|suspended|deactivated|terminated|closed|locked|frozen|on hold|not active|not enabled|"
		"administratively disabled|has been disabled|disabled or discontinued|discontinued|account expired|"
		"mailbox expired|user expired|account has expired|mailbox has expired|"
		"barred|not activated|disableduser|not allowed to receive|cannot receive|cant receive|"
		"does not receive mail|is not receiving mail|is not accepting mail|not accepting mail|"
		"not accepting messages|deactived|account is closed|unavailable or closed|dead"},
	{DISABLED, "de, fr, es, pt, it",
		"deaktiviert|gesperrt|stillgelegt|geschlossen|abgeschaltet|gekündigt|desactive|desactivee|suspendu|"
		"suspendue|ferme|fermee|cloture|cloturee|desactivado|desactivada|deshabilitado|deshabilitada|suspendido|"
		"suspendida|inhabilitada|cancelada|desativado|desativada|suspenso|suspensa|encerrada|desabilitada|"
		"bloqueada por|disattivato|disattivata|disabilitato|disabilitata|sospeso|sospesa|chiusa"},
	{DISABLED, "pl, cs, nl, ja, ru, zh, tr",
		"wylaczon*|zawieszon*|dezaktywowan*|zamkniet*|nieaktywn*|deaktivovan*|uzamcen*|pozastaven*|vypnut*|"
		"uitgeschakeld|opgeheven|gesloten|gedeactiveerd|opgezegd|停止|停止され*|無効になっています|無効化|凍結|"
		"利用停止|отключен*|деактивирован*|приостановлен*|неактив*|закрыт*|停用|禁用|冻结|已关闭|锁定|被停用|"
		"被禁用|askıya|devre dışı|kapatıl*|kapalı|inaktiverat|deaktiveret"},
	{INACTIVE, "en",
		"inactive|inactivity|dormant|unused|not been used|hasnt been used|abandoned|inaktiv|inactif|inactivo|"
		"inactiva|inativo|inativa|falta de uso|inattivo|inattiva|nieuzywan*|neaktivn*|inactief|pasif|"
		"not currently active|expired user"},
	{BLOCKED, "en",
		"blocked|blocking|banned|bannedip|barred from|block|gesperrte|blockiert|geblockt|bloque|bloquee|bloques|"
		"bloqueado|bloqueada|bloccato|bloccata|zablokowan*|blokowan*|zablokovan*|blokovan*|geblokkeerd|ブロック*|"
		"遮断|заблокирован*|блокирован*|封禁|屏蔽|被封|拦截|封锁|engellen*|bloke|blockerad*|blokeret|차단"},
	{NOTHING, NULL, NULL}
};
